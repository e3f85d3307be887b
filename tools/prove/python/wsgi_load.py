"""What clients ask for under load. Every answer names the process that gave it."""

import os
import time

LARGE = b"clear track, full speed\n" * (10 * 1024 * 1024 // 24 + 1)
LARGE = LARGE[: 10 << 20]
LEAK = []


def answer(start_response, body):
    fields = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("X-Worker", str(os.getpid())),
    ]
    start_response("200 OK", fields)
    return [body]


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/large":
        return answer(start_response, LARGE)
    if path == "/upload":
        source, size = environ["wsgi.input"], 0
        while piece := source.read(65536):
            size += len(piece)
        return answer(start_response, b"%d\n" % size)
    if path == "/work":
        time.sleep(0.002)
    if path == "/leak":
        LEAK.append(bytearray(2048))
    return answer(start_response, b"hello, world\n")
