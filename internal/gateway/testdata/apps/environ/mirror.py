"""Answers with what it was asked, and has every rule of PEP 3333 checked on the way."""

import json
import sys
from wsgiref.validate import validator


def mirror(environ, start_response):
    stream, blocks = environ["wsgi.input"], []
    while True:
        block = stream.read(1000)
        if not block:
            break
        blocks.append(block)
    shown = {
        key: value if isinstance(value, (str, int, bool, type(None))) else repr(value)
        for key, value in environ.items()
        if not key.startswith("wsgi.") or isinstance(value, (str, bool))
    }
    shown["wsgi.version"] = list(environ["wsgi.version"])
    body = b"".join(blocks)
    answer = json.dumps({"environ": shown, "body": body.decode("latin-1"), "python": sys.version}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


def parts(environ, start_response):
    """Streams, with the write callable and then an iterator."""
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Twice", "a"), ("X-Twice", "b")])
    write(b"written ")
    write(b"first, ")
    return iter([b"then ", b"iterated"])


def choose(environ, start_response):
    if environ["PATH_INFO"] == "/parts":
        return parts(environ, start_response)
    return mirror(environ, start_response)


application = validator(choose)
