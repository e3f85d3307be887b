"""Checks what an application answers, makes frames of it, and describes its failures. Part of worker.py's program.

An application may do wrong in many ways (PEP 3333 forbids most of them by name), and the quick way through answer() is the
one where it does nothing of the kind: a list of blocks, with a head that has been seen before.
"""

import importlib
import io
import json
import os
import re
import stat
import sys

UNDECLARED, BODILESS = -1, -2  # instead of the Content-Length: there is none; status 204 or 304, which have no body

STATUS = re.compile(r'[2-9][0-9][0-9] [\t\x20-\x7e\x80-\xff]*').fullmatch
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
VALUE = re.compile(r'[\t\x20-\x7e\x80-\xff]*').fullmatch
LENGTH = re.compile(r'[0-9]{1,18}').fullmatch
HOP_BY_HOP = frozenset(('connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te',
                        'trailer', 'trailers', 'transfer-encoding', 'upgrade'))
LENGTH_LINE = b'\r\nContent-Length: '
TEMPORARY = os.environ.get('TMPDIR') or '/tmp'  # as the server has it


class Bounded(dict):
    """A cache that forgets all rather than grow without bound: what an application varies is not worth keeping."""

    def keep(self, key, value, size):
        if size <= 1024:
            if len(self) >= 4096:
                self.clear()
            self[key] = value
        return value


class Fields(Bounded):
    """Header pairs found valid -> their lines."""

    def __missing__(self, pair):
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError('a response header must be a tuple (name, value), not %r' % (pair,))
        name, value = pair
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError('name and value of a response header must be str, not %r' % (pair,))
        if not TOKEN(name):
            raise ValueError('%r is not the name of a header' % name)
        if not VALUE(value):
            raise ValueError('the value of header %s has a control or non-latin-1 character: %r' % (name, value))
        lower = name.lower()
        if lower in HOP_BY_HOP:
            raise ValueError('header %s concerns the connection, which is the affair of the server' % name)
        if lower == 'content-length':
            if not LENGTH(value):
                raise ValueError('Content-Length is not a number: %r' % value)
            name = 'Content-Length'
        line = ('%s: %s\r\n' % (name, value)).encode('latin-1')
        return self.keep(pair, line, len(line))


fields = Fields()
heads = Bounded()  # (status, pair, pair, ...) -> what encode_head made of it


def encode_head(status, headers):
    """Checks what start_response was given. Returns the head part of a frame, and the Content-Length or why it has none."""
    if not isinstance(status, str):
        raise TypeError('the status must be a str, not %r' % (status,))
    if not STATUS(status):
        raise ValueError("the status must be a final code, a space, and a text, such as '200 OK', not %r" % status)
    if not isinstance(headers, list):
        raise TypeError('the response headers must be a list, not %s' % type(headers).__name__)
    try:
        lines = b''.join(map(fields.__getitem__, headers))
    except TypeError:
        for pair in headers:  # one that cannot be a key may be what is wrong
            Fields.__missing__(fields, pair)
        raise
    head = status.encode('latin-1') + b'\r\n' + lines
    at = head.find(LENGTH_LINE)
    if at < 0:
        length = UNDECLARED
    elif head.find(LENGTH_LINE, at + 1) > 0:
        raise ValueError('there is more than one Content-Length')
    else:
        at += len(LENGTH_LINE)
        length = int(head[at:head.index(b'\r', at)])
    if status[:3] in ('204', '304'):
        length = BODILESS
    return heads.keep((status, *headers), (head, length), len(head))


def shortage(length, sent):
    return ValueError('the application declared a Content-Length of %d and gave %d bytes' % (length, sent))


def responder(app, out, flush, patience, cancelled, debug, arena):
    """Returns answer(request, slot, method, environ), which runs the application and puts the frames of its response in out.

    flush(tail, descriptor) sends what is in out, then tail; before them the descriptor, on DESC. While patience[0] is not
    zero, a response leaves before the application gets the chance to spend time after it. cancelled() tells whether nobody
    wants the rest of the response.
    One responder answers one request at a time. Its state is here, and not in an object of each request, for speed.
    """
    request = slot = 0
    bodiless = False      # method HEAD
    head = None           # encoded, once start_response was called
    length = UNDECLARED
    sent = -1             # bytes of the body; -1: not even the head
    complete = False      # the server has been told all, be it that it failed
    excess_told = False

    def start_response(status, headers, exc_info=None):
        nonlocal head, length
        if exc_info:
            try:
                if sent >= 0:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a cycle through the traceback
        elif head is not None:
            raise AssertionError('start_response was called again without exc_info')
        try:
            found = heads.get((status, *headers)) if type(headers) is list else None
        except TypeError:
            found = None
        head, length = found or encode_head(status, headers)
        return write

    def write(data):
        if not isinstance(data, bytes):
            raise TypeError('write() takes bytes, not %s' % type(data).__name__)
        if data:
            emit(data, False)
            flush()

    def emit(block, only):
        """Sends a block that is not empty, after the head if that has not gone. only: no other block will come."""
        nonlocal sent, complete, excess_told
        if head is None:
            raise AssertionError('the application gave a body before it called start_response')
        first, sent = sent < 0, max(sent, 0)
        if bodiless or length == BODILESS:
            if first:
                complete = True
                out.extend((pack(len(head), request, len(head), WHOLE, 0), head))
            return
        if length >= 0 and sent + len(block) > length or complete:
            block = b'' if complete else block[:length - sent]
            if not excess_told:
                excess_told = True
                print('highball: the application gives more than its Content-Length, which is cut off; said once',
                      file=sys.stderr)
        if only and sent + len(block) < length:
            sent = -1 if first else sent
            raise shortage(length, len(block))
        sent += len(block)
        if first:
            if only or sent == length:
                if len(head) + len(block) <= MAX_WHOLE or slot and len(block) <= arena.slot:
                    complete = True
                    whole(block)
                    return
                if stored(block):
                    return
            part = block[:max(0, MAX_WHOLE - len(head))]
            out.extend((pack(len(head) + len(part), request, len(head), HEAD, 0), head, part))
            block = memoryview(block)[len(part):]
        for at in range(0, len(block), MAX_DATA):
            part = block[at:at + MAX_DATA]
            out.append(pack(len(part), request, 0, DATA, 0))
            flush(part)

    def whole(body):
        """Puts the frame of a response in out that has no more than this body, which goes beside it if it is long and there is room."""
        if slot and SHARED_LEAST <= len(body) <= arena.slot:
            arena.write(slot, body)
            out.extend((pack(len(head) + SHARED_SIZE.size, request, len(head), SHARED, 0), head, SHARED_SIZE.pack(len(body))))
        else:
            out.extend((pack(len(head) + len(body), request, len(head), WHOLE, 0), head, body))

    def stored(body):
        """Sends the descriptor of a file that has a whole, long body, which costs half of what it does to send that. Returns False if there is
        no such file."""
        nonlocal complete
        descriptor = temporary_file(body)
        if descriptor < 0:
            return False
        complete = True
        send_file(descriptor, 0, len(body))
        os.close(descriptor)
        return True

    def send_file(descriptor, offset, size):
        """Sends a descriptor, and the frame of a response whose body is that part of the file; size may be UNDECLARED."""
        out.extend((pack(len(head) + SPAN.size, request, len(head), FILE, 0), head, SPAN.pack(offset, size)))
        flush(b'', descriptor)

    def finish():
        nonlocal sent, complete
        if complete:
            return
        if head is None:
            raise AssertionError('the application ended without calling start_response')
        if max(sent, 0) < length and not bodiless:
            raise shortage(length, max(sent, 0))
        if sent < 0:
            out.extend((pack(len(head), request, len(head), WHOLE, 0), head))
        else:
            out.append(pack(0, request, 0, END, 0))
        complete = True

    def hand_over(wrapper):
        """Sends the descriptor of a wrapped file instead of its contents. Returns False if that cannot be."""
        nonlocal head, length, sent, complete
        file = wrapper.filelike
        size = plain_file(file) if head is not None and sent < 0 else -1
        if size < 0:
            return False
        offset = file.tell()
        rest = max(0, size - offset)
        if length > rest:
            raise shortage(length, rest)
        if bodiless and length == UNDECLARED:
            head += b'Content-Length: %d\r\n' % rest
        sent = 0
        complete = True
        if bodiless or length == BODILESS or not rest:
            out.extend((pack(len(head), request, len(head), WHOLE, 0), head))
        else:
            send_file(file.fileno(), offset, length)
        return True

    def deliver(result):
        """Sends the blocks of a response as the application makes them, and closes it in any case."""
        nonlocal sent, complete
        try:
            if result is None or isinstance(result, (str, bytes)):
                raise TypeError('the application returned %s, not an iterable of bytes' % type(result).__name__)
            if not (type(result) is FileWrapper and hand_over(result)):
                for block in result:
                    if not isinstance(block, bytes):
                        raise TypeError('the blocks of a body must be bytes, not %s' % type(block).__name__)
                    size = len(block)
                    if size == length and sent < 0 and 0 < size < SHARED_LEAST and not bodiless:
                        sent, complete = size, True  # as emit would have it, only faster: all of the body
                        out.extend((pack(len(head) + size, request, len(head), WHOLE, 0), head, block))
                        if patience[0]:
                            flush()
                        continue
                    if sent >= 0 and 0 < size <= MAX_DATA and not complete and (length == UNDECLARED or sent + size <= length):
                        sent += size  # as emit would have it, only faster
                        out.append(pack(size, request, 0, DATA, 0))
                        flush(block)
                    elif size:
                        emit(block, sent < 0 and hasattr(type(result), '__len__') and len(result) == 1)
                    if not complete or patience[0]:
                        flush()  # PEP 3333: no block waits for the next
                        if not complete and cancelled():
                            if sent >= 0:
                                complete = True
                                out.append(pack(0, request, 0, END, 0))
                            break
                if not complete:
                    finish()
            if patience[0]:
                flush()
        finally:
            try:
                close = getattr(result, 'close', None)
                if close is not None:
                    close()
            except BaseException as error:
                log_failure('close() of a response failed', error)

    def joined(blocks):
        for block in blocks:
            if not isinstance(block, bytes):
                raise TypeError('the blocks of a body must be bytes, not %s' % type(block).__name__)
        return b''.join(blocks)

    def answer(number, room, method, environ):
        nonlocal request, slot, bodiless, head, length, sent, complete
        request, slot, bodiless, head, length, sent, complete = number, room, method == 'HEAD', None, UNDECLARED, -1, False
        try:
            result = app(environ, start_response)
            if type(result) is not list and type(result) is not tuple:
                deliver(result)
                return
            body = result[0] if len(result) == 1 and type(result[0]) is bytes else joined(result)
            if head is not None and sent < 0 and not bodiless and (length == UNDECLARED or length == len(body)):
                size = len(head) + len(body)
                if size < SHARED_LEAST:
                    out.extend((pack(size, request, len(head), WHOLE, 0), head, body))
                    return
                if size <= MAX_WHOLE or slot and len(body) <= arena.slot:
                    whole(body)
                    return
            if body:
                if bodiless and length == UNDECLARED and head is not None:
                    head += b'Content-Length: %d\r\n' % len(body)
                emit(body, True)
            finish()
        except BaseException as error:  # SystemExit included: it is the request that has failed, not the worker
            if complete:
                log_failure('the application failed after its response', error)
            else:
                complete = True
                payload = json.dumps(describe(error, debug and environ, head)).encode()
                out.extend((pack(len(payload), request, 0, FAIL, 0), payload))

    return answer


# --- Files ------------------------------------------------------------------------------------------------------------

class FileWrapper:
    """wsgi.file_wrapper. Returned by the application, a plain file leaves as its descriptor; anything else is read."""

    def __init__(self, filelike, block_size=65536):
        self.filelike, self.block_size = filelike, block_size

    def __iter__(self):
        return self

    def __next__(self):
        block = self.filelike.read(self.block_size)
        if block:
            return block
        raise StopIteration

    def close(self):
        if hasattr(self.filelike, 'close'):
            self.filelike.close()


def plain_file(file):
    """The size of a regular file, if what reading gives is what it holds, else -1.

    That there is a fileno() does not suffice: a gzip.GzipFile has one too.
    """
    while type(file).__module__.split('.')[0] in ('tempfile', 'django') and hasattr(file, 'file'):
        file = file.file
    if type(file) in (io.BufferedReader, io.BufferedRandom):
        if file.closed or type(file.raw) is not io.FileIO:
            return -1
    elif type(file) is not io.FileIO or file.closed:
        return -1
    if not file.readable():
        return -1
    if file.writable():
        file.flush()
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def unnamed_file():
    """A descriptor of a file that never has a name, or has none any more where the system or the file system cannot do that."""
    try:
        return os.open(TEMPORARY, os.O_TMPFILE | os.O_EXCL | os.O_RDWR, 0o600)
    except (AttributeError, OSError):
        name = os.path.join(TEMPORARY, 'highball-' + os.urandom(12).hex())
        descriptor = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        os.unlink(name)
        return descriptor


def temporary_file(content):
    """A descriptor of a file without a name that has the content, or -1 if there is no room for it."""
    try:
        descriptor = unnamed_file()
    except OSError:
        return -1
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest):]
    except OSError:
        os.close(descriptor)
        return -1
    return descriptor


# --- Diagnosis --------------------------------------------------------------------------------------------------------

def last_line(error):
    import traceback
    try:
        return ''.join(traceback.format_exception_only(type(error), error)).strip().splitlines()[-1]
    except Exception:
        return type(error).__name__


def own(frame):
    return frame.filename == '<highball>' or frame.filename.startswith('<frozen importlib') \
        or frame.filename == importlib.__file__


def traceback_text(error):
    """The traceback without frames of ours and of the import system: with what the user wrote, and its causes."""
    import traceback
    try:
        whole = traceback.TracebackException(type(error), error, error.__traceback__, limit=-200)
        pending, seen = [whole], set()
        while pending:
            one = pending.pop()
            if one is None or id(one) in seen:
                continue
            seen.add(id(one))
            one.stack = traceback.StackSummary.from_list([f for f in one.stack if not own(f)])
            pending += [one.__cause__, one.__context__, *(getattr(one, 'exceptions', None) or ())]
        return ''.join(whole.format())[-256 << 10:]
    except Exception:  # an exception that cannot be shown must not hide that there is one
        return last_line(error)


def log_failure(text, error):
    print('highball: %s\n%s' % (text, traceback_text(error)), end='', file=sys.stderr)


def describe(error, environ, head):
    """The payload of FAIL. environ is only given in debug mode: then it tells all that a developer wants to see."""
    debug = None
    if environ:
        import linecache
        import traceback
        shown = []
        for frame in [f for f in traceback.extract_tb(error.__traceback__, -50) if not own(f)]:
            lines = [(n, linecache.getline(frame.filename, n)) for n in range(frame.lineno - 2, frame.lineno + 3)]
            shown.append({'file': frame.filename, 'line': frame.lineno, 'function': frame.name,
                          'source': [(n, line.rstrip('\n')[:400]) for n, line in lines if line]})
        lines = head.decode('latin-1').split('\r\n') if head else ['']
        debug = {'frames': shown, 'environ': {str(k): shown_value(v) for k, v in list(environ.items())[:200]},
                 'status': lines[0], 'headers': [line.split(': ', 1) for line in lines[1:] if line]}
    return {'error': last_line(error), 'traceback': traceback_text(error), 'debug': debug}


def shown_value(value):
    try:
        return repr(value)[:1024]
    except Exception:
        return '<%s that cannot be shown>' % type(value).__name__
