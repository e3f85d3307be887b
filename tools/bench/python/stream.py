"""An answer of 256 KiB that is made while it is sent, in 16 blocks."""

BLOCK = (b"clear track, full speed\n" * 683)[: 16 << 10]
FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(16 * len(BLOCK)))]


def application(environ, start_response):
    start_response("200 OK", list(FIELDS))
    return (BLOCK for _ in range(16))
