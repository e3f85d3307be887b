"""Two classes, of which none has the name of the module: not to be served."""


class One:
    def GET(self):
        return 'one'


class Two:
    def GET(self):
        return 'two'
