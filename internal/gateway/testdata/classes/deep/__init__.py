"""A package is for the modules, and not to be served."""


class deep:
    def GET(self):
        return 'deep'
