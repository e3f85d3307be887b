#!/usr/bin/env python3
"""A CGI script in Python: the same program runs cold, each time in an interpreter of its own, and warm, in a copy of one
that has started already."""

import html
import os
import sys
import urllib.parse

query = urllib.parse.parse_qs(os.environ["QUERY_STRING"])
name = query.get("name", ["you"])[0]

print("Content-Type: text/html; charset=utf-8")
print()
print("<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>")
print("<title>A warm script</title>")
print(f"<h1>Hello, {html.escape(name)}.</h1>")
print(f"<p>Process {os.getpid()}, Python {sys.version.split()[0]}, for {html.escape(os.environ['REQUEST_URI'])}</p></html>")
