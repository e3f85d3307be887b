"""For the other modules alone."""


class _private:
    def GET(self):
        return 'private'
