"""A guest book: a WSGI application without a framework. The tour's highball.toml has it answer below /guests/."""

import html
from urllib.parse import parse_qs

PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Guest book</title><link rel="stylesheet" href="/style.css">
<main>
<h1>Guest book</h1>
<form method="post"><input name="name" placeholder="Your name" required> <button>Sign</button></form>
<ul>{guests}</ul>
<p><a href="/">Back to the tour</a></p>
</main>
</html>
"""

guests = ["The conductor"]


def application(environ, start_response):
    """Shows the guests, and takes another one from the form."""
    if environ["PATH_INFO"] not in ("", "/"):
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is nothing here.\n"]
    if environ["REQUEST_METHOD"] == "POST":
        form = parse_qs(environ["wsgi.input"].read(10_000).decode("utf-8", "replace"))
        guests.extend(form.get("name", []))
        start_response("303 See Other", [("Location", environ["SCRIPT_NAME"] + "/")])
        return []
    page = PAGE.format(guests="".join("<li>" + html.escape(guest) for guest in guests))
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [page.encode()]
