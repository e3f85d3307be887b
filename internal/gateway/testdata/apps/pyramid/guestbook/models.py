"""What the views work on."""


class Entries:
    """The guests' entries, for as long as the process lives."""

    def __init__(self):
        self._entries = []

    def add(self, name, text):
        self._entries.append({"name": name, "text": text})
        return len(self._entries)

    def __getitem__(self, number):
        if not 1 <= number <= len(self._entries):
            raise KeyError(number)
        return self._entries[number - 1]

    def __iter__(self):
        return iter(self._entries)
