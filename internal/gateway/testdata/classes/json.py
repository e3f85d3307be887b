"""Has the name of a module of the standard library, which is no reason not to be served."""


class json:
    def GET(self):
        return 'not the one of the library'
