"""As much of Django as is needed to find a project. The real one is in the framework tests."""
