from wsgiref.simple_server import demo_app  # not defined here


def helper(one, two):
    return one + two


class Site:
    def __call__(self, environ, start_response):
        start_response('200 OK', [])
        return [b'x']


site = Site()
alias = site
