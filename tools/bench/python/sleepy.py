"""Answers at once, but for /slow, which takes a tenth of a second, as a query of a database may."""

import time

BODY = b"hello, world\n"
FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.1)
    start_response("200 OK", list(FIELDS))
    return [BODY]
