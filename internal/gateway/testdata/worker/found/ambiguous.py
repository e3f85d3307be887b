def one(environ, start_response):
    return []


def two(environ, start_response):
    return []
