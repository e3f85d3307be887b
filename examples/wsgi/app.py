"""A WSGI application without a framework. From the root of the repository:

    highball app --chdir examples/wsgi
"""

import html
import time
from urllib.parse import parse_qs

PAGE = """<!doctype html>
<title>Guest book</title>
<h1>Guest book</h1>
<form method="post"><input name="name" placeholder="Your name" required> <button>Sign</button></form>
<ul>{guests}</ul>
<p><a href="{root}/clock">A clock</a>, which is sent second by second.</p>
"""

guests = []  # of this worker: another one has its own


def application(environ, start_response):
    """Answers by path: PEP 3333 in a page."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    if path == "/clock":
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return clock()
    if path not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is nothing here.\n"]
    if method == "POST":
        form = parse_qs(environ["wsgi.input"].read(10_000).decode())
        guests.extend(form.get("name", []))
        start_response("303 See Other", [("Location", environ["SCRIPT_NAME"] + "/")])
        return []
    items = "".join("<li>" + html.escape(guest) for guest in guests)
    page = PAGE.format(guests=items, root=environ["SCRIPT_NAME"]).encode()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page]


def clock():
    """Yields blocks, each of which is sent when it is there."""
    for _ in range(5):
        yield time.strftime("%H:%M:%S\n").encode()
        time.sleep(1)
