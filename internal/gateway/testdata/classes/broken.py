"""Cannot be imported."""

raise ValueError('this module is broken')
