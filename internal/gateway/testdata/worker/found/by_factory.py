def create_app(config=None):
    def app(environ, start_response):
        start_response('200 OK', [])
        return [b'x']
    return app
