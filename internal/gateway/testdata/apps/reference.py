"""Serves a WSGI application with the standard library's server, to compare answers with.

Usage: reference.py FOLDER MODULE:CALLABLE

The port it has got is its first and only line of output. It ends with its standard input.
"""

import importlib
import os
import socketserver
import sys
import threading
from wsgiref import simple_server


class Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True


class Quiet(simple_server.WSGIRequestHandler):
    def log_message(self, format, *args):
        pass

    def address_string(self):
        return self.client_address[0]


def load(target):
    module, _, name = target.partition(":")
    made = name.endswith("()")
    application = getattr(importlib.import_module(module), name[:-2] if made else name)
    return application() if made else application


def main(folder, target):
    os.chdir(folder)
    sys.path.insert(0, folder)
    with simple_server.make_server("127.0.0.1", 0, load(target), Server, Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_port, flush=True)
        sys.stdin.read()


main(*sys.argv[1:])
