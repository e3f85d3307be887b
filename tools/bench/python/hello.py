"""The smallest answer, alike for every server: one header field for the text, one for its length."""

BODY = b"hello, world\n"
FIELDS = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(BODY)))]


def application(environ, start_response):
    start_response("200 OK", list(FIELDS))
    return [BODY]
