"""An answer of 1 MiB, made beforehand."""

BODY = (b"clear track, full speed\n" * 43691)[: 1 << 20]
FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    start_response("200 OK", list(FIELDS))
    return [BODY]
