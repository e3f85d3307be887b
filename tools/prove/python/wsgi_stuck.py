"""Ways to keep a worker for ever, each in a function that a stack should name."""

import ctypes
import os
import threading
import time

LOCK = threading.Lock()
LOCK.acquire()


def stuck_in_sleep():
    time.sleep(3600)


def stuck_at_lock():
    LOCK.acquire()


def stuck_in_loop():
    while True:
        pass


def stuck_in_c():
    # PyDLL keeps the lock of the interpreter for as long as the call lasts.
    ctypes.PyDLL(None).sleep(3600)


def application(environ, start_response):
    stuck = {
        "/sleep": stuck_in_sleep,
        "/lock": stuck_at_lock,
        "/loop": stuck_in_loop,
        "/c": stuck_in_c,
    }.get(environ["PATH_INFO"])
    if stuck is not None:
        stuck()
    body = b"hello, world\n"
    start_response("200 OK", [("Content-Length", str(len(body))), ("X-Worker", str(os.getpid()))])
    return [body]
