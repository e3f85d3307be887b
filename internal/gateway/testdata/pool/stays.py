"""Stays where the path says, and then answers how long that was and what came of it."""

import ctypes
import os
import threading
import time

HOW_LONG = float(os.environ.get('STAY', '1.2'))
HELD = HOW_LONG + 0.8  # longer, since it is found out later


def sleeping():
    time.sleep(HOW_LONG)


def locking():
    lock = threading.Lock()
    lock.acquire()
    threading.Timer(HOW_LONG, lock.release).start()
    lock.acquire()


def spinning():
    end = time.monotonic() + HOW_LONG
    while time.monotonic() < end:
        pass


def holding():
    return ctypes.PyDLL(None).poll(None, 0, int(HELD * 1000))  # 0, but -1 if a signal cuts it short


def quick():
    pass


def busy():
    total = 0
    for n in range(300000):
        total += n
    return total


def forking():
    child = os.fork()
    if child == 0:
        os._exit(7)
    return os.waitpid(child, 0)[1] >> 8


def pausing():
    time.sleep(1)


def traced(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [('%(HTTP_TRACEPARENT)s %(HTTP_TRACESTATE)s' % environ).encode()]


def dripping():
    """Is an answer, in itself."""
    yield b'first '
    time.sleep(1)
    yield b'second'


def app(environ, start_response):
    begun = time.monotonic()
    result = globals()[environ['PATH_INFO'].strip('/')]()
    took = time.monotonic() - begun
    start_response('200 OK', [('Content-Type', 'text/plain')])
    if hasattr(result, '__next__'):
        return result
    return [b'%d %s' % (took * 1000, str(result).encode())]
