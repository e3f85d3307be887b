"""Does what applications do, and what they should not do, by path."""

import os
import re
import socket
import struct
import sys
import threading
import time

LARGE = b'0123456789abcdef' * 20000
HERE = os.path.dirname(os.path.abspath(__file__))
closed = 0


class Endless:
    """Yields until it is closed."""

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(0.001)
        return b'x' * 1000

    def close(self):
        global closed
        closed += 1


def locked():
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def spinning():
    while True:
        pass


def matching():
    re.match(r'(a+)+$', 'a' * 60 + 'b')  # one call in C, which holds the interpreter's lock


def sleeping():
    time.sleep(3600)


def answer(environ, start_response):
    path = environ['PATH_INFO']
    plain = [('Content-Type', 'text/plain')]
    if path == '/text':
        start_response('200 OK', plain)
        return [b'text\n']
    if path == '/large':
        start_response('200 OK', plain)
        return [LARGE]
    if path == '/declared':
        start_response('200 OK', plain + [('Content-Length', str(len(LARGE)))])
        return [LARGE[:100], LARGE[100:]]
    if path == '/lines':
        start_response('200 OK', plain)
        return (b'line %d\n' % n for n in range(100))
    if path == '/file':
        f = open(os.path.join(HERE, 'file.txt'), 'rb')
        f.seek(3)
        start_response('200 OK', plain)
        return environ['wsgi.file_wrapper'](f)
    if path == '/echo':
        body = environ['wsgi.input'].read()
        start_response('200 OK', plain + [('Content-Length', str(len(body)))])
        return [body]
    if path == '/spoil':
        seen = 'as it was' if environ.get('HTTP_HOST') == 'test' and 'spoiled' not in environ else 'spoiled'
        environ['HTTP_HOST'], environ['spoiled'] = 'nobody', True
        start_response('200 OK', plain)
        return [seen.encode()]
    if path == '/extend':
        before = sys.getsizeof(environ)
        environ.update({'added.%d' % n: n for n in range(6)})
        start_response('200 OK', plain)
        return [b'as large' if sys.getsizeof(environ) == before else b'larger']
    if path == '/long':
        start_response('200 OK', plain)
        return [b'long' * 5000]
    if path == '/marked':
        mark, size = environ['QUERY_STRING'].split('=')
        start_response('200 OK', plain)
        return [(mark.encode() * (int(size) // len(mark) + 1))[:int(size)]]
    if path == '/dated-long':
        start_response('200 OK', plain + [('Date', 'Thu, 01 Jan 1970 00:00:00 GMT')])
        return [b'long' * 5000]
    if path == '/hang-up':
        socket.socket(fileno=os.dup(3)).shutdown(socket.SHUT_RDWR)  # the worker's stream
        sleeping()
    if path == '/forged':
        head = b'200 OK\r\n'
        os.write(3, struct.pack('<IIIBBxx', len(head) + 4, 1, len(head), 12, 0) + head
                 + struct.pack('<I', int(environ['QUERY_STRING'])))
        sleeping()
    if path == '/unread':
        start_response('200 OK', plain)
        return [b'unread\n']
    if path == '/empty':
        start_response('204 No Content', [])
        return []
    if path == '/missing':
        start_response('404 Not Found', plain)
        return [b'missing\n']
    if path == '/dated':
        start_response('200 OK', plain + [('Date', 'Thu, 01 Jan 1970 00:00:00 GMT')])
        return [b'dated\n']
    if path == '/pid':
        start_response('200 OK', plain)
        return [b'%d' % os.getpid()]
    if path == '/closed':
        start_response('200 OK', plain)
        return [b'%d' % closed]
    if path == '/endless':
        start_response('200 OK', plain)
        return Endless()
    if path == '/fail':
        raise ValueError('this cannot be <done>')
    if path == '/late':
        def blocks():
            yield b'begun\n'
            raise ValueError('too late')
        start_response('200 OK', plain)
        return blocks()
    if path == '/bad':
        start_response('200 OK', [('X-Bad', 'a\r\nSet-Cookie: stolen=1')])
        return [b'bad\n']
    if path == '/die':
        os._exit(9)
    if path == '/say':
        print('said on standard output', flush=True)
        print('said on standard error', file=sys.stderr)
        start_response('200 OK', plain)
        return [b'said\n']
    if path == '/wait':
        print('waiting', flush=True)
        while not os.path.exists(environ['QUERY_STRING']):
            time.sleep(0.002)
        start_response('200 OK', plain)
        return [b'waited\n']
    if path in ('/wait-lines', '/wait-file'):
        while not os.path.exists(environ['QUERY_STRING']):
            time.sleep(0.002)
        return answer(dict(environ, PATH_INFO=path[5:].replace('-', '/')), start_response)
    if path in ('/sleeping', '/spinning', '/locked', '/matching'):
        globals()[path[1:]]()
    start_response('500 Unknown', plain)
    return [b'unknown\n']


def application(environ, start_response):
    return answer(environ, start_response)
