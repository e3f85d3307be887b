"""An application between two halves of wsgiref's validator, which checks what the server and the application do."""

import os
from wsgiref.validate import validator


def inner(environ, start_response):
    stream = environ['wsgi.input']
    found = [stream.read(2), stream.readline(), stream.readlines(5), stream.read(100)]
    found += stream
    path = environ['PATH_INFO']
    write = start_response('200 OK', [('Content-Type', 'text/plain')])
    environ['wsgi.errors'].write('')
    environ['wsgi.errors'].flush()
    if path == '/write':
        write(b'written')
        return []
    if path == '/list':
        return [b'a', b'b']
    if path == '/file':
        return environ['wsgi.file_wrapper'](open(os.path.abspath(__file__), 'rb'))
    if environ['REQUEST_METHOD'] == 'HEAD':
        return []
    return (bytes(block) for block in [b'', b'first', repr(found).encode()])


app = validator(inner)
