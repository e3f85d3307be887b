"""Runs one WSGI application (PEP 3333) in the user's own interpreter, for the server that started it.

The server speaks to a worker in frames over a stream socket, MAIN: a request comes in one frame, its response leaves in
one (WHOLE) or in several (HEAD, DATA ..., END). The server has read the whole request before the application sees it and
takes the response off at once, however slow the client is: a worker's time is the application's.

Descriptors at the start, beside 0 (nothing), 1 and 2 (the log):
  3 MAIN   frames, both ways
  4 DESC   descriptors, one a message, each sent before the frame that speaks of it
  5 STACK  questions where the threads are, and the answers; faulthandler writes here, too, when the server asks by a signal
  6 LIFE   silent; its other end closes when the server dies, whatever the cause, and the kernel then kills the worker
  8 SEATS  a file in memory that tells which thread is at which request; 7 was this program
  9 ARENA  memory that is shared with the server, for bodies; nothing where there is none

The program is pure Python for CPython 3.8 and later, free-threaded builds included. It is this file behind worker_load.py,
which finds the application, worker_response.py, which makes frames of what it answers, and worker_stacks.py, which tells where the
threads are; worker_classes.py is there too where classes are served by URL. The server sends them as one. Nothing is imported beyond the standard library, and what
only errors need is imported when they happen.
"""

import faulthandler
import fcntl
import gc
import io
import json
import marshal
import mmap
import os
import signal
import struct
import sys
import _socket  # not socket: gevent and its like replace that one's classes
from time import perf_counter as clock

# --- Protocol ---------------------------------------------------------------------------------------------------------

MAIN, DESC, STACK, LIFE, SEATS, ARENA = 3, 4, 5, 6, 8, 9

HEADER = struct.Struct('<IIIBBxx')  # size of the rest, request id, how much of the rest is the head part, kind, flags
REQUEST_HEADER = struct.Struct('<IIIBBH')  # the same, and the slot of the arena that is the request's; 0 is none
SPAN = struct.Struct('<Qq')         # part of a file: offset, length or -1

REQUEST, STOP, LIST, FORK, CANCEL, PRESET = 1, 2, 3, 4, 5, 6
READY, WHOLE, HEAD, DATA, END, FILE, FAIL, LOADFAIL, FILES, FORKED, EXITED, SHARED = range(1, 13)
IN_FILE = 1  # flag of REQUEST: the body is in a file that came on DESC
IN_SLOT = 2  # flag of REQUEST: the body is in its slot of the arena, its size behind the head
IN_PRESET = 4  # flag of REQUEST: the head has only what the environ does not have of a PRESET

MAX_INCOMING = 64 << 20
MAX_WHOLE = 256 << 10  # head and body of a WHOLE frame, and of HEAD
MAX_DATA = 1 << 20
BUFFER = 256 << 10

SHARED_SIZE = struct.Struct('<I')  # of a body in the arena
SHARED_LEAST = 8 << 10  # from which size on a body is put there, if it has a slot

pack = HEADER.pack


def breach(text):
    """Ends the worker: the two sides do not understand each other, so nothing that follows could be trusted."""
    os.write(2, b'highball: worker: %s\n' % text.encode())
    os._exit(70)


def send(data, to=None):
    """Sends all of data, blocking. Without a server there is nobody to tell, and nothing to do."""
    try:
        (to or main_socket).sendall(data)
    except OSError:
        os._exit(0)


def send_parts(parts, tail=b''):
    """Sends the parts of one or more frames, and tail, with one system call: what is long without copying it."""
    if not tail:
        if len(parts) != 3 or len(parts[2]) <= 16384:
            send(b''.join(parts))
            return
        *parts, tail = parts
    head = b''.join(parts)
    try:
        sent = main_socket.sendmsg((head, tail))
    except OSError:
        os._exit(0)
    if sent < len(head):
        send(head[sent:])
    if sent < len(head) + len(tail):
        send(memoryview(tail)[max(sent - len(head), 0):])


def send_json(kind, request, value):
    payload = json.dumps(value).encode()
    send(pack(len(payload), request, 0, kind, 0) + payload)


def send_descriptor(descriptor):
    try:
        desc_socket.sendmsg([b'd'], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack('i', descriptor))])
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)


def receive_descriptor():
    data, ancillary, _, _ = desc_socket.recvmsg(1, _socket.CMSG_SPACE(4), getattr(_socket, 'MSG_CMSG_CLOEXEC', 0))
    if not data:
        os._exit(0)
    if len(ancillary) != 1:
        breach('a message without a descriptor')
    descriptor, = struct.unpack('i', ancillary[0][2][:4])
    os.set_inheritable(descriptor, False)
    return descriptor


def frames(before_waiting):
    """Yields kind, flags, id, slot, head part, the rest, and whether more has arrived behind it; returns at the end of MAIN.

    The rest is a view into a buffer that is used again: it is good until the next frame is asked for.
    before_waiting is called whenever no complete frame is left in the buffer.
    """
    unpack, receive, span = REQUEST_HEADER.unpack_from, main_socket.recv_into, HEADER.size
    buffer = bytearray(BUFFER)
    view = memoryview(buffer)
    start = end = 0
    while True:
        need = span
        if end - start >= span:
            size, request, head, kind, flags, slot = unpack(buffer, start)
            if size > MAX_INCOMING or head > size:
                breach('a frame of %d bytes with a head of %d' % (size, head))
            need = span + size
            if need <= end - start:
                body = start + span + head
                stop = start + need
                yield (kind, flags, request, slot, buffer[start + span:body],
                       view[body:stop] if body < stop else b'', stop < end)
                start = stop
                continue
        before_waiting()
        if start == end:
            start = end = 0
        if need > len(buffer) or need <= BUFFER < len(buffer):  # a frame beyond the usual, or the first after it
            rest = view[start:end]
            buffer = bytearray(max(need, BUFFER))
            buffer[:len(rest)] = rest
            view, start, end = memoryview(buffer), 0, len(rest)
        elif start:
            view[:end - start] = bytes(view[start:end])
            start, end = 0, end - start
        try:
            count = receive(view[end:]) if end else receive(buffer)
        except ConnectionError:
            return
        if not count:
            return
        end += count


class Arena:
    """Memory that the server shares with its workers. A request has a slot of it, unless there are too many: its body may be there, and the
    body of its answer may be put there once that was read. Without a frame that says so, a slot is the server's."""

    slot = 0  # the size of a slot
    memory = None

    def open(self, descriptor, slot):
        """Maps the memory behind a descriptor, which it closes. A forked process has what its parent has mapped."""
        if slot:
            try:
                self.memory, self.slot = mmap.mmap(descriptor, os.fstat(descriptor).st_size), slot
            except OSError:  # no room for it: bodies go through MAIN
                pass
        os.close(descriptor)

    def read(self, slot, size):
        start = (slot - 1) * self.slot
        return self.memory[start:start + size]

    def write(self, slot, body):
        start = (slot - 1) * self.slot
        self.memory[start:start + len(body)] = body


arena = Arena()


# --- Environ ----------------------------------------------------------------------------------------------------------

# What the server's sample must decode to. If it does not, this interpreter's marshal is not the one we know.
SAMPLE = ('GET', '', '/caf\xc3\xa9', 'a=1', '/caf%C3%A9?a=1', 'HTTP/1.1', 'http', '127.0.0.1', '50000', 'localhost', '8000',
          None, '0', '5f3a9c01-1b-3', {'HTTP_HOST': 'localhost:8000', 'HTTP_X_LONG': 'x' * 300}, 255)


def plain_loads(blob):
    """The other codec: each value as its length and latin-1 bytes, the headers at the end as key, value, key, value."""
    values, at, blob = [], 0, bytes(blob)
    while at < len(blob):
        size, = struct.unpack_from('<I', blob, at)
        at += 4
        if size == 0xFFFFFFFF:
            values.append(None)
        else:
            values.append(blob[at:at + size].decode('latin-1'))
            at += size
    return values[:14] + [dict(zip(values[14::2], values[15::2]))]


def choose_codec(sample):
    try:
        if marshal.loads(sample) == SAMPLE:
            return 'marshal', marshal.loads
    except (EOFError, ValueError, TypeError):
        pass
    return 'plain', plain_loads


def base_environ(config):
    """What is the same in every environ. The keys of the request have their place in it already, so that a copy need not
    grow while it is filled."""
    base = dict.fromkeys((
        'REQUEST_METHOD', 'SCRIPT_NAME', 'PATH_INFO', 'QUERY_STRING', 'RAW_URI', 'SERVER_PROTOCOL', 'wsgi.url_scheme',
        'REMOTE_ADDR', 'REMOTE_PORT', 'SERVER_NAME', 'SERVER_PORT', 'HTTP_X_REQUEST_ID'), '')
    base.update({
        'SERVER_SOFTWARE': config['software'],
        'wsgi.version': (1, 0),
        'wsgi.input': None,
        'wsgi.errors': sys.stderr,
        'wsgi.multithread': config['threads'] > 1,
        'wsgi.multiprocess': config['multiprocess'],
        'wsgi.run_once': False,
        'wsgi.input_terminated': True,
        'wsgi.file_wrapper': FileWrapper,
    })
    return roomy(base)


def roomy(e):
    """Returns e, or a copy of it where a copy of e would have to grow when a few keys are added."""
    copy = e.copy()
    for spare in range(6):
        copy[spare] = None
    for spare in range(6):
        del copy[spare]
    return copy if sys.getsizeof(copy) > sys.getsizeof(e) else e


def environs(base, loads):
    """Returns three functions: one makes the environ of a request from its head, another keeps a preset under a number, and the third
    makes the environ of a request whose head names one. They return the method, too."""
    presets = {}

    def make(blob):
        e = base.copy()
        (method, e['SCRIPT_NAME'], e['PATH_INFO'], e['QUERY_STRING'], e['RAW_URI'], e['SERVER_PROTOCOL'],
         e['wsgi.url_scheme'], e['REMOTE_ADDR'], e['REMOTE_PORT'], e['SERVER_NAME'], e['SERVER_PORT'],
         content_type, content_length, e['HTTP_X_REQUEST_ID'], headers) = loads(blob)
        e['REQUEST_METHOD'] = method
        if content_type is not None:
            e['CONTENT_TYPE'] = content_type
        if content_length is not None:
            e['CONTENT_LENGTH'] = content_length
        e.update(headers)
        return method, e

    def keep(number, blob):
        method, e = make(blob)
        presets[number] = method, roomy(e)

    def again(blob):
        number, path, query, uri, port, name, content_length = loads(blob)
        method, preset = presets[number]
        e = preset.copy()
        e['PATH_INFO'] = path
        e['QUERY_STRING'] = query
        e['RAW_URI'] = uri
        e['REMOTE_PORT'] = port
        e['HTTP_X_REQUEST_ID'] = name
        if content_length is not None:
            e['CONTENT_LENGTH'] = content_length
        return method, e

    return make, keep, again


# --- Serving ----------------------------------------------------------------------------------------------------------

COALESCE = 0.002  # seconds for which a response may wait for others, to leave with them
QUICK = 0.0005     # seconds; a response that took longer to make waits for none: little would be saved, and the next may be like it
SLOW = 0.01        # seconds; a request that takes longer makes WARY others not wait: longer than a time slice of the system
WARY = 4096
GLANCE = 0.01      # seconds between two looks whether a response that is being made is still wanted


def upload_of(flags, slot, body):
    """Returns what the application reads the body of a request from."""
    if flags & IN_FILE:
        return open(receive_descriptor(), 'rb')
    if flags & IN_SLOT:
        return io.BytesIO(arena.read(slot, *SHARED_SIZE.unpack(body)))
    return io.BytesIO(bytes(body))


def imported_files():
    files = set()
    for module in list(sys.modules.values()):
        try:
            file = getattr(module, '__file__', None)
        except Exception:  # lazy modules do anything here
            continue
        if isinstance(file, str) and file.endswith(('.py', '.so')) and os.path.isfile(file):
            files.add(os.path.abspath(file))
    return sorted(files)


def serve(app, loads, base, debug, seats):
    """Answers requests one after another, until STOP or the end of MAIN.

    Responses to requests that came together leave together, which saves most of the system calls. That a response waits
    for the application to answer the next request is fair only if it is quick: see patience.
    """
    out = []
    patience = [64]  # until the application has shown that it is quick

    def flush(tail=b'', descriptor=None):
        if descriptor is not None:
            send_descriptor(descriptor)
        if out:
            send_parts(out, tail)
            out.clear()

    def cancelled():
        """Whether nobody wants the rest of this response: the server has said so behind all else, unless more had come."""
        nonlocal glanced
        now = clock()
        if more or now - glanced < GLANCE:
            return False
        glanced = now
        try:
            waiting = main_socket.recv(BUFFER, _socket.MSG_PEEK | _socket.MSG_DONTWAIT)
        except OSError:
            return False
        at = 0
        while at + HEADER.size <= len(waiting):
            size, number, _, what, _ = HEADER.unpack_from(waiting, at)
            if what == CANCEL and number == request:
                return True
            at += HEADER.size + size
        return False

    answer = responder(app, out, flush, patience, cancelled, debug, arena)
    make, keep, again = environs(base, loads)
    glanced = 0.0
    new_input = io.BytesIO
    seat = seats.take(0)
    since = began = 0.0  # when the first response that waits was begun, and when this one was
    for kind, flags, request, slot, head, body, more in frames(flush):
        if kind != REQUEST:
            if kind == PRESET:
                keep(request, head)
                continue
            flush()
            if kind == STOP:
                return
            if kind == LIST:
                send_json(FILES, request, imported_files())
            elif kind != CANCEL:
                breach('a frame of kind %d' % kind)
            continue
        if not out:
            since = began = clock()
        seat[1] = request
        if flags & IN_PRESET:
            flags -= IN_PRESET
            method, environ = again(head)
        else:
            method, environ = make(head)
        environ['wsgi.input'] = upload = upload_of(flags, slot, body) if flags else new_input(bytes(body)) if body else new_input()
        answer(request, slot, method, environ)
        now = clock()
        if now - began > SLOW:
            patience[0] = WARY
        elif patience[0]:
            patience[0] -= 1
        if not more or patience[0] or now - since > COALESCE or now - began > QUICK:
            flush()
        began = now
        if flags & IN_FILE:
            upload.close()
        environ = upload = None


# --- Threads ----------------------------------------------------------------------------------------------------------

def serve_threads(app, loads, base, debug, seats):
    """As serve, with several threads that run the application. This one reads the frames."""
    import queue
    import threading
    pending = queue.SimpleQueue()
    active, unwanted = set(), set()  # requests; the latter are some of the former
    sending = threading.Lock()  # frames are sent whole, and descriptors in the order of theirs

    def run(number):
        out = []
        seat = seats.take(number)

        def flush(tail=b'', descriptor=None):
            with sending:
                if descriptor is not None:
                    send_descriptor(descriptor)
                send_parts(out, tail)
                out.clear()

        answer = responder(app, out, lambda *a: flush(*a) if out else None, [1], lambda: request in unwanted, debug, arena)
        for request, slot, method, environ, body in iter(pending.get, None):
            seat[1] = request
            environ['wsgi.input'] = body
            answer(request, slot, method, environ)
            if out:
                flush()
            active.discard(request)
            unwanted.discard(request)
            if type(body) is not io.BytesIO:
                body.close()
            del environ, body  # not kept while this thread waits

    make, keep, again = environs(base, loads)
    threads = [threading.Thread(target=run, args=(n,), name='highball-%d' % (n + 1), daemon=True) for n in range(seats.count)]
    for thread in threads:
        thread.start()
    for kind, flags, request, slot, head, body, _ in frames(lambda: None):
        if kind == REQUEST:
            active.add(request)
            method, environ = again(head) if flags & IN_PRESET else make(head)
            pending.put((request, slot, method, environ, upload_of(flags, slot, body)))
            del environ
        elif kind == PRESET:
            keep(request, head)
        elif kind == LIST:
            with sending:
                send_json(FILES, request, imported_files())
        elif kind == STOP:
            break
        elif kind == CANCEL:
            if request in active:
                unwanted.add(request)
        else:
            breach('a frame of kind %d' % kind)
    for _ in threads:
        pending.put(None)
    for thread in threads:
        thread.join()


# --- Preload parent ---------------------------------------------------------------------------------------------------

def fork_workers():
    """Forks a worker at each FORK and reports its end. Returns in the workers only, with descriptors of their own."""
    import select
    children = set()
    wake, wake_end = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # with a handler, the signal is written to the pipe
    signal.set_wakeup_fd(wake_end)

    def wait():
        while True:
            ready, _, _ = select.select([MAIN, wake], [], [])
            if wake in ready:
                os.read(wake, 4096)
                for child in list(children):
                    pid, status = os.waitpid(child, os.WNOHANG)
                    if pid:
                        children.discard(pid)
                        send_json(EXITED, 0, {'pid': pid, 'status': status})
            if MAIN in ready:
                return

    gc.collect()
    gc.freeze()  # or a collection in a worker would write to, and so copy, all the pages that they share
    for kind, _, number, _, _, _, _ in frames(wait):
        if kind == LIST:
            send_json(FILES, number, imported_files())
            continue
        if kind == STOP:
            break
        if kind != FORK:
            breach('a frame of kind %d in a preload parent' % kind)
        received = [receive_descriptor() for _ in range(6)]
        try:
            pid = os.fork()
        except OSError as error:
            send_json(FAIL, number, describe(error, None, None))
            pid = -1
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(wake)
            os.close(wake_end)
            os.setpgid(0, 0)
            main, desc, stack, life, log, seats = received
            for source, place in ((main, MAIN), (desc, DESC), (stack, STACK), (life, LIFE), (seats, SEATS)):
                os.dup2(source, place, False)
            os.dup2(log, 1)
            os.dup2(log, 2)
            for descriptor in received:
                os.close(descriptor)
            die_with_server()
            return
        for descriptor in received:
            os.close(descriptor)
        if pid > 0:
            try:
                os.setpgid(pid, pid)  # here too, since either may come first
            except OSError:
                pass
            children.add(pid)
            send_json(FORKED, number, {'pid': pid})
    sys.exit(0)


# --- Life -------------------------------------------------------------------------------------------------------------

def die_with_server():
    """Has the kernel kill this process when the other end of LIFE closes, even inside a call that holds the GIL."""
    try:
        fcntl.fcntl(LIFE, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(LIFE, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(LIFE, fcntl.F_SETFL, fcntl.fcntl(LIFE, fcntl.F_GETFL) | os.O_ASYNC)
    except (AttributeError, OSError):  # not Linux: as well as threads can
        import threading
        threading.Thread(target=lambda: (os.read(LIFE, 1), os._exit(0)), daemon=True).start()
        return
    import select
    if select.select([LIFE], [], [], 0)[0]:  # too late for the signal
        os._exit(0)


def main(config):
    import base64
    for descriptor in (MAIN, DESC, STACK, LIFE, SEATS):
        os.set_inheritable(descriptor, False)  # programs that the application starts have no part in this
    die_with_server()
    if config['stack_signal']:
        faulthandler.register(config['stack_signal'], STACK, all_threads=True, chain=False)
        if sys.platform == 'linux':  # elsewhere it is a signal that programs use, and those that the application starts have the mask, too
            signal.pthread_sigmask(signal.SIG_BLOCK, [config['stack_signal']])
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is for the server; not SIG_IGN, which subprocesses inherit
    codec, loads = choose_codec(base64.b64decode(config['sample']))
    arena.open(ARENA, config['slot'])
    try:
        if config['dir']:
            try:
                os.chdir(config['dir'])
            except OSError as error:
                raise Refusal('module-not-found', 'cannot enter the folder: %s' % error) from None
        sys.path[:1] = [*(config['path'] or ()), os.getcwd()] + [p for p in sys.path[:1] if p]
        app, title, file = load(config['target'], config['factory'])
    except Refusal as refusal:
        send_json(LOADFAIL, 0, {'kind': refusal.kind, 'message': refusal.message,
                                'traceback': traceback_text(refusal.error) if refusal.error else '',
                                'files': imported_files()})
        os._exit(3)
    for forked in (False, True):
        send_json(READY, 0, {
            'pid': os.getpid(), 'python': '.'.join(map(str, sys.version_info[:3])),
            'implementation': {'cpython': 'CPython'}.get(sys.implementation.name, sys.implementation.name),
            'executable': sys.executable or '', 'app': title, 'codec': codec, 'arena': arena.slot > 0,
            'free_threaded': not getattr(sys, '_is_gil_enabled', lambda: True)(), 'file': file})
        if forked or not config['preload']:
            break
        fork_workers()
    base, seats = base_environ(config), Seats(SEATS, config['threads'])
    answer_looks(stack_socket, seats, config['stack_signal'])
    (serve_threads if config['threads'] > 1 else serve)(app, loads, base, config['debug'], seats)


main_socket, desc_socket, stack_socket = (_socket.socket(fileno=place) for place in (MAIN, DESC, STACK))
main(json.loads(CONFIG))  # noqa: F821, from the boot text
for one in (main_socket, desc_socket, stack_socket):
    one.detach()  # it would be warned of
