def application(environ, start_response):
    """Not this one: app comes first."""


def app(environ, start_response):
    start_response('200 OK', [])
    return [__name__.encode()]


class nested:
    class inner:
        app = staticmethod(app)

    text = 'no application'


def make(environ=None):
    return app


def needs_one(environ):
    return app


def broken():
    raise RuntimeError('the factory is broken')


async def coroutine(environ, start_response):
    return app


async def made():
    return app


def asgi(scope, receive, send):
    return app


class Asynchronous:
    async def __call__(self, scope, receive, send):
        pass


asynchronous = Asynchronous()


class Callable:
    def __call__(self, environ, start_response):
        return app(environ, start_response)


instance = Callable()


class Old:
    """A class is a WSGI application too."""

    def __init__(self, environ, start_response):
        start_response('200 OK', [])

    def __iter__(self):
        return iter([b'class'])
