"""The application that worker_pep3333_test.go tests with: the path names a case below."""

import gzip
import io
import os
import sys
import tempfile
import time

CASES = {}
closed = []  # the paths of the responses that were closed


def case(function):
    CASES['/' + function.__name__.replace('_', '-')] = function
    return function


def app(environ, start_response):
    return CASES[environ['PATH_INFO']](environ, start_response)


class Closing:
    """Blocks with a close() that is counted."""

    def __init__(self, name, blocks):
        self.name, self.blocks = name, iter(blocks)

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.blocks)

    def close(self):
        closed.append(self.name)


PLAIN = [('Content-Type', 'text/plain')]


@case
def hello(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', '5')])
    return [b'hello']


@case
def environ(environ, start_response):
    start_response('200 OK', PLAIN)
    shown = {k: v if isinstance(v, (str, bool, tuple)) else type(v).__name__ for k, v in environ.items()}
    environ.clear()
    environ['mine'] = True
    return [repr((type(environ) is dict, sorted(shown.items()))).encode()]


@case
def list_of_blocks(environ, start_response):
    start_response('200 OK', PLAIN)
    return [b'a', b'', b'bc']


@case
def tuple_of_blocks(environ, start_response):
    start_response('200 OK', PLAIN)
    return b'a', b'bc'


@case
def empty_list(environ, start_response):
    start_response('200 OK', PLAIN)
    return []


@case
def generator(environ, start_response):
    start_response('200 OK', PLAIN)
    yield b'one'
    yield b''
    yield b'two'


@case
def empty_generator(environ, start_response):
    start_response('200 OK', PLAIN)
    return iter([b'', b''])


@case
def lazy(environ, start_response):
    """start_response may be called as late as by the first iteration."""
    start_response('201 Created', PLAIN)
    yield b'late'


@case
def sized_one(environ, start_response):
    class One:
        def __len__(self):
            return 1

        def __iter__(self):
            return iter([b'only'])
    start_response('200 OK', PLAIN)
    return One()


@case
def declared_block(environ, start_response):
    """What Flask returns: an iterator of one block, of the length that is declared."""
    start_response('200 OK', [('content-length', '4')])
    return Closing('/declared-block', [b'four'])


@case
def excess(environ, start_response):
    start_response('200 OK', [('Content-Length', '3')])
    return [b'four']


@case
def excess_streamed(environ, start_response):
    start_response('200 OK', [('Content-Length', '3')])
    return iter([b'ab', b'cd', b'ef'])


@case
def excess_behind_all(environ, start_response):
    start_response('200 OK', [('Content-Length', '4')])
    return iter([b'four', b'more', b''])


@case
def excess_as_long(environ, start_response):
    start_response('200 OK', [('Content-Length', '4')])
    return iter([b'fo', b'ur00'])


@case
def pauses_behind_all(environ, start_response):
    """Ends when the body that it has given was seen."""
    start_response('200 OK', [('Content-Length', '4')])
    yield b'four'
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.005)


@case
def shortage(environ, start_response):
    start_response('200 OK', [('Content-Length', '9')])
    return [b'four']


@case
def shortage_streamed(environ, start_response):
    start_response('200 OK', [('Content-Length', '9')])
    return iter([b'fo', b'ur'])


@case
def shortage_empty(environ, start_response):
    start_response('200 OK', [('Content-Length', '9')])
    return iter([b''])


@case
def head_list(environ, start_response):
    start_response('200 OK', PLAIN)
    return [b'12345']


@case
def no_content(environ, start_response):
    start_response('204 No Content', [])
    return iter([b'dropped', b'too'])


@case
def not_modified(environ, start_response):
    start_response('304 Not Modified', [('Content-Length', '99')])
    return []


@case
def big_list(environ, start_response):
    start_response('200 OK', PLAIN)
    return [b'x' * 3000000]


@case
def big_block(environ, start_response):
    start_response('200 OK', [('Content-Length', '3000000')])
    yield b'x' * 3000000


@case
def big_blocks(environ, start_response):
    start_response('200 OK', PLAIN)
    yield b'x' * 1000000
    yield b'x' * 2000000


@case
def no_tmpfile(environ, start_response):
    if hasattr(os, 'O_TMPFILE'):
        del os.O_TMPFILE
    start_response('200 OK', PLAIN)
    return [b'deleted']


@case
def limit_files(environ, start_response):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    start_response('200 OK', PLAIN)
    return [b'limited']


@case
def writes(environ, start_response):
    write = start_response('200 OK', PLAIN)
    write(b'')
    write(b'written ')
    write(b'twice ')
    return [b'returned']


@case
def writes_only(environ, start_response):
    start_response('200 OK', PLAIN)(b'written')
    return []


# Errors that start_response must see at once

def starting(*arguments):
    def run(environ, start_response):
        try:
            start_response(*arguments)
        except (AssertionError, TypeError, ValueError):
            environ['wsgi.errors'].write('raised at the call\n')
            raise
        return [b'must not be sent']
    return run


for name, arguments in {
    'status-int': (200, PLAIN),
    'status-bytes': (b'200 OK', PLAIN),
    'status-no-text': ('200', PLAIN),
    'status-letters': ('abc OK', PLAIN),
    'status-100': ('100 Continue', PLAIN),
    'status-crlf': ('200 OK\r\nX: y', PLAIN),
    'status-wide': ('200 \u20ac', PLAIN),
    'headers-tuple': ('200 OK', tuple(PLAIN)),
    'headers-none': ('200 OK', None),
    'pair-list': ('200 OK', [['A', 'b']]),
    'pair-three': ('200 OK', [('A', 'b', 'c')]),
    'pair-bytes': ('200 OK', [(b'A', b'b')]),
    'value-int': ('200 OK', [('Content-Length', 5)]),
    'value-none': ('200 OK', [('A', None)]),
    'value-crlf': ('200 OK', [('A', 'b\r\nSet-Cookie: c=d')]),
    'value-lf': ('200 OK', [('A', 'b\nc')]),
    'value-nul': ('200 OK', [('A', 'b\0')]),
    'value-del': ('200 OK', [('A', 'b\x7f')]),
    'value-wide': ('200 OK', [('A', '\u20ac')]),
    'name-empty': ('200 OK', [('', 'b')]),
    'name-colon': ('200 OK', [('A:', 'b')]),
    'name-space': ('200 OK', [('A ', 'b')]),
    'name-crlf': ('200 OK', [('A\r\nB', 'b')]),
    'hop-connection': ('200 OK', [('Connection', 'close')]),
    'hop-te': ('200 OK', [('transfer-encoding', 'chunked')]),
    'hop-upgrade': ('200 OK', [('Upgrade', 'websocket')]),
    'length-sign': ('200 OK', [('Content-Length', '+5')]),
    'length-empty': ('200 OK', [('Content-Length', '')]),
    'length-twice': ('200 OK', [('Content-Length', '5'), ('content-length', '5')]),
}.items():
    CASES['/bad-' + name] = starting(*arguments)


@case
def latin(environ, start_response):
    start_response('200 Tr\xe8s bien', [('X-Name', 'caf\xe9\tau lait'), ('X-Empty', '')])
    return [b'']


@case
def twice(environ, start_response):
    start_response('200 OK', PLAIN)
    start_response('201 Created', PLAIN)
    return [b'no']


@case
def replaced(environ, start_response):
    start_response('200 OK', PLAIN)
    try:
        raise RuntimeError('first')
    except RuntimeError:
        start_response('500 Oops', [('X-Error', 'yes')], sys.exc_info())
    return [b'sorry']


@case
def replaced_too_late(environ, start_response):
    start_response('200 OK', PLAIN)
    yield b'begun'
    try:
        raise RuntimeError('too late')
    except RuntimeError:
        start_response('500 Oops', [], sys.exc_info())
    yield b'not reached'


@case
def replaced_after_empty(environ, start_response):
    start_response('200 OK', PLAIN)
    yield b''
    try:
        raise RuntimeError('in time')
    except RuntimeError:
        start_response('500 Oops', [], sys.exc_info())
    yield b'reached'


@case
def never_started(environ, start_response):
    return [b'body']


@case
def never_started_streamed(environ, start_response):
    return iter([b'', b'body'])


@case
def never_started_empty(environ, start_response):
    return []


def started(result):
    def run(environ, start_response):
        start_response('200 OK', PLAIN)
        return result
    return run


for name, result in {'none': None, 'str': 'text', 'bytes': b'text', 'int': 5, 'str-block': ['text'], 'int-block': [5],
                     'array-block': [bytearray(b'x')], 'str-later': {'text': 1}.keys()}.items():
    CASES['/returns-' + name] = started(result)


@case
def write_str(environ, start_response):
    start_response('200 OK', PLAIN)('text')
    return []


@case
def raises(environ, start_response):
    raise ValueError('a message with <b>markup</b>')


@case
def raises_caused(environ, start_response):
    try:
        {}['inner']
    except KeyError as error:
        raise ValueError('outer') from error


@case
def raises_exit(environ, start_response):
    sys.exit('leaving')


@case
def raises_interrupt(environ, start_response):
    raise KeyboardInterrupt


@case
def raises_deep(environ, start_response):
    return raises_deep(environ, start_response)


@case
def raises_started(environ, start_response):
    start_response('299 Begun', [('X-Begun', 'yes')])
    raise ValueError('after start_response')


@case
def raises_streaming(environ, start_response):
    def blocks():
        yield b'begun'
        raise ValueError('in the middle')
    start_response('200 OK', PLAIN)
    return Closing('/raises-streaming', blocks())


@case
def raises_first(environ, start_response):
    def blocks():
        raise ValueError('at the first block')
        yield
    start_response('200 OK', PLAIN)
    return Closing('/raises-first', blocks())


@case
def raises_after(environ, start_response):
    def blocks():
        yield b'all'
        raise ValueError('after all of it')
    start_response('200 OK', [('Content-Length', '3')])
    return blocks()


@case
def closes(environ, start_response):
    start_response('200 OK', PLAIN)
    return Closing('/closes', [b'a', b'b'])


@case
def closes_unstarted(environ, start_response):
    return Closing('/closes-unstarted', [b'a'])


@case
def closes_bad_block(environ, start_response):
    start_response('200 OK', PLAIN)
    return Closing('/closes-bad-block', ['a'])


@case
def close_fails(environ, start_response):
    class Failing(Closing):
        def close(self):
            raise ValueError('close has failed')
    start_response('200 OK', PLAIN)
    return Failing('', [b'fine'])


@case
def closed_so_far(environ, start_response):
    start_response('200 OK', PLAIN)
    found, closed[:] = ' '.join(closed), []
    return [found.encode()]


# The request body

@case
def input_reads(environ, start_response):
    stream = environ['wsgi.input']
    found = [stream.read(3), stream.readline(), stream.readline(2), stream.readlines(), stream.read(), stream.read(5),
             stream.readline(), stream.readlines(), list(stream)]
    start_response('200 OK', PLAIN)
    return [repr(found).encode()]


@case
def echo(environ, start_response):
    start_response('200 OK', PLAIN)
    return [environ['wsgi.input'].read()]


@case
def echo_declared(environ, start_response):
    start_response('200 OK', PLAIN + [('Content-Length', environ['CONTENT_LENGTH'])])
    return [environ['wsgi.input'].read()]


@case
def echo_generated(environ, start_response):
    start_response('200 OK', PLAIN + [('Content-Length', environ['CONTENT_LENGTH'])])
    return Closing('/echo-generated', [environ['wsgi.input'].read()])


@case
def echo_yielded(environ, start_response):
    start_response('200 OK', PLAIN)
    yield environ['wsgi.input'].read()


@case
def echo_twice(environ, start_response):
    start_response('200 OK', PLAIN)
    body = environ['wsgi.input'].read()
    return [body, body]


@case
def input_iterates(environ, start_response):
    found = list(environ['wsgi.input'])
    start_response('200 OK', PLAIN)
    return [repr(found).encode()]


@case
def input_unread(environ, start_response):
    start_response('200 OK', PLAIN)
    return [b'']


@case
def descriptors(environ, start_response):
    start_response('200 OK', PLAIN)
    return [str(len(os.listdir('/proc/self/fd' if os.path.isdir('/proc/self/fd') else '/dev/fd'))).encode()]


# wsgi.file_wrapper

HERE = os.path.dirname(os.path.abspath(__file__))


def wrapped(file, *headers):
    def run(environ, start_response):
        start_response('200 OK', list(headers))
        return environ['wsgi.file_wrapper'](file(), 4)
    return run


def temporary(position=0, text=b'0123456789', make=tempfile.TemporaryFile):
    file = make()
    file.write(text)
    file.seek(position)
    return file


def counted(file):
    class Counted(io.BytesIO):
        def close(self):
            closed.append('/file-counted')
            super().close()
    return Counted(file)


def packed():
    file = tempfile.NamedTemporaryFile()
    with gzip.open(file.name, 'wb') as other:
        other.write(b'unpacked')
    return gzip.open(file.name)


CASES['/file'] = wrapped(temporary)
CASES['/file-offset'] = wrapped(lambda: temporary(4))
CASES['/file-declared'] = wrapped(lambda: temporary(2), ('Content-Length', '3'))
CASES['/file-short'] = wrapped(lambda: temporary(8), ('Content-Length', '3'))
CASES['/file-empty'] = wrapped(lambda: temporary(10))
CASES['/file-named'] = wrapped(lambda: temporary(1, make=tempfile.NamedTemporaryFile))
CASES['/file-memory'] = wrapped(lambda: io.BytesIO(b'0123456789'))
CASES['/file-gzip'] = wrapped(packed)
CASES['/file-counted'] = wrapped(lambda: counted(b'abc'))
CASES['/file-text'] = wrapped(lambda: open(__file__))


@case
def file_pipe(environ, start_response):
    read, write = os.pipe()
    os.write(write, b'through a pipe')
    os.close(write)
    start_response('200 OK', PLAIN)
    return environ['wsgi.file_wrapper'](os.fdopen(read, 'rb'))


@case
def file_after_write(environ, start_response):
    start_response('200 OK', PLAIN)(b'before ')
    return environ['wsgi.file_wrapper'](temporary())


# Time and threads

@case
def gated(environ, start_response):
    """A block, then nothing until a file appears, whose name is the query."""
    start_response('200 OK', PLAIN)
    yield b'first'
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.001)
    yield b'second'


@case
def waits(environ, start_response):
    while not os.path.exists(environ['QUERY_STRING']):
        time.sleep(0.001)
    start_response('200 OK', PLAIN)
    return [b'waited']


@case
def gated_close(environ, start_response):
    class Gated(Closing):
        def close(self):
            while not os.path.exists(environ['QUERY_STRING']):
                time.sleep(0.001)
    start_response('200 OK', [('Content-Length', '3')] if environ['REQUEST_METHOD'] == 'GET' else [])
    return Gated('', [b'all'])


@case
def sleeps(environ, start_response):
    print('about to begin', flush=True)
    time.sleep(1000)


@case
def holds_gil(environ, start_response):
    import re
    endless = re.compile(r'(a+)+$')
    print('about to begin', flush=True)
    endless.match('a' * 60 + 'b')


@case
def churn(environ, start_response):
    """As many header names and values, and as many heads, as the query says, none of them twice."""
    import resource
    for n in range(int(environ['QUERY_STRING'])):
        churn.count += 1
        exc_info = None
        start_response('200 OK', [('X-%d' % churn.count, 'v%d' % churn.count)], (ValueError, ValueError(), None))
    start_response('200 OK', PLAIN, (ValueError, ValueError(), None))
    with open('/proc/self/statm') as file:
        return [str(int(file.read().split()[1]) * resource.getpagesize()).encode()]


churn.count = 0
