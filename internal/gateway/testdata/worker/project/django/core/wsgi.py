def get_wsgi_application():
    def application(environ, start_response):
        start_response('200 OK', [])
        return [b'the default']
    return application
