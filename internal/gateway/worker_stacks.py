"""Tells the server where the threads are, without disturbing them. Part of worker.py's program.

A thread waits on STACK for the server to ask, in a system call and so without the GIL. It sees every thread's frames while it has the
GIL itself: nothing moves then, and no thread notices. A signal handler in Python would need no thread, but it runs in the main thread
only, once that comes back from whatever C function it is in, and it interrupts that function, which not every library bears.

It can tell nothing while a C function keeps the GIL. Then the server sends the signal for faulthandler, whose handler reads the frames
without the GIL, which is safe for the same reason: nothing moves. The signal is blocked in all threads but this one, so that no system
call of the application is cut short by it.

The thread waits for no lock but the GIL, imports nothing, and is not one of the module threading's, which would wait for it at the end. A
child that the application forks does not have it, and has nothing to mind for that: it held no lock. So CPython's warning of forks in
processes with threads, from 3.12 on, is not to come for its sake. A preload parent, which forks workers, has no such thread.
"""

import json
import mmap
import os
import signal
import struct
import sys
import warnings
from _thread import allocate_lock, get_ident, get_native_id, start_new_thread  # before gevent and its like replace them

LOOK = struct.Struct('<I')     # the question: its number
LOOKED = struct.Struct('<BII')  # the answer: 1, the question's number, the size of what follows
MOST_FRAMES, MOST_DEEP = 1000, 200
SEAT = 16  # bytes


class Seats:
    """What the server reads even while no Python runs: two numbers for each thread that answers requests, its ident and the last request
    that it has begun; before them the system's number of the thread that waits on STACK, and 0."""

    def __init__(self, descriptor, count):
        os.ftruncate(descriptor, SEAT * (count + 1))
        self.numbers = memoryview(mmap.mmap(descriptor, SEAT * (count + 1))).cast('Q')
        self.count = count

    def take(self, n):
        """Returns the seat of this thread, the n-th, as something that seat[1] = request can be said of."""
        seat = self.numbers[2 * n + 2:2 * n + 4]
        seat[0] = get_ident()
        return seat

    def taken(self):
        """Returns who is at which request."""
        numbers = self.numbers.tolist()
        return dict(zip(numbers[2::2], numbers[3::2]))


def frames_within(frame, most):
    """Returns file, line and function of each frame, the innermost first."""
    found = []
    while frame is not None and len(found) < most:
        code = frame.f_code
        found.append((code.co_filename, frame.f_lineno or 0, code.co_name))
        frame = frame.f_back
    return found


def source_of(file, line, known):
    """Returns a line of a file. The module linecache would keep the file, and would have to be imported."""
    if (file, line) not in known:
        text = b''
        try:
            if os.path.isfile(file):
                with open(file, 'rb') as lines:
                    for n, text in enumerate(lines, 1):
                        if n == line:
                            break
                    else:
                        text = b''
        except (OSError, ValueError):
            text = b''
        known[file, line] = text.decode('utf-8', 'replace').strip()[:200]
    return known[file, line]


def thread_name(ident):
    try:
        return str(sys.modules['threading']._active[ident].name)[:100]
    except Exception:  # applications replace what they like
        return ''


def look_around(seats):
    """Returns all threads but this one."""
    own, left, before = get_ident(), MOST_FRAMES, seats.taken()
    seen = []
    for ident, frame in sys._current_frames().items():
        if ident != own:
            seen.append((ident, frames_within(frame, min(left, MOST_DEEP))))
            left -= len(seen[-1][1])
    del frame  # which would keep what is in it alive
    after, known = seats.taken(), {}
    return [{'ident': ident, 'name': thread_name(ident),
             'request': after.get(ident, 0) if after.get(ident) == before.get(ident) else 0,
             'frames': [(file, line, function, source_of(file, line, known)) for file, line, function in frames]}
            for ident, frames in seen]


def answer_looks(connection, seats, stack_signal):
    """Has a thread tell of the others whenever the server asks."""
    def run():
        if stack_signal:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [stack_signal])
        seats.numbers[0] = get_native_id()
        begun.release()
        try:
            while True:
                question = connection.recv(1024)[-LOOK.size:]  # of those that could not be answered in time the last
                if not question:
                    return  # the server is gone, and LIFE ends the worker
                try:
                    text = json.dumps(look_around(seats)).encode()
                except Exception:  # it is not known, and the worker goes on
                    text = b''
                connection.sendall(LOOKED.pack(1, *LOOK.unpack(question), len(text)) + text)
        except OSError:
            return

    warnings.filterwarnings('ignore', r'This process \(pid=\d+\) is multi-threaded, use of fork', DeprecationWarning)
    begun = allocate_lock()
    begun.acquire()
    start_new_thread(run, ())
    begun.acquire()  # or the first request could keep it from getting so far
