"""Serves classes by URL: the first segment of a path names a module of a folder, and a class in it; the method of the request
names the method that a fresh instance is asked. Part of worker.py's program where the target is such a folder, and only there.

To the rest of the program this is a WSGI application like any other. What a client sends chooses among things that were
looked up before it came: a segment is only ever compared with the names of files that lie in the folder, and a method
with those in METHODS.
"""

import importlib.machinery
import importlib.util
import io
import os
import re
import sys
import threading

METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS')  # others are answered by 501
SEGMENT = re.compile(r'[A-Za-z][A-Za-z0-9_]*').fullmatch  # not with an underscore at its start: such modules are for the others
MODULES = 'highball_class_'  # starts the names of the modules: they must not stand in the place of any other module
STANDARD = getattr(sys, 'stdlib_module_names', ('builtins', 'collections', '_collections_abc', 'queue'))
HTML, BYTES = 'text/html; charset=utf-8', 'application/octet-stream'

replies = {}  # id of an instance that is being asked -> the reply that it has sent, or None


def load_classes(target):
    """As load in worker_load.py, for a folder."""
    folder = os.path.realpath(target)
    try:
        os.listdir(folder)
    except OSError as error:
        raise Refusal('folder-not-found', 'there is no folder of classes %s: %s' % (folder, error.strerror)) from None
    if folder not in sys.path:
        sys.path.append(folder)  # last: what the classes import from beside them hides nothing
    Handler.__module__ = 'highball'
    offered = type(sys)('highball', 'What the classes of a folder can inherit from.')
    offered.Handler = Handler
    sys.modules.setdefault('highball', offered)
    return Classes(folder).application, 'the classes of ' + os.path.basename(folder), ''


class Handler:
    """What a class may inherit from, as highball.Handler. A class that does not is given what it lacks of it."""

    def send_response(self, response, status='200 Ok', headers=None):
        """Answers the request, once. response is str, sent as UTF-8; bytes, sent as they are; a binary file; None; or yields
        blocks of str or bytes, which are sent as they come. headers is a dict or a list of pairs."""
        if replies.get(id(self), self) is not None:
            raise RuntimeError('send_response was called twice, or when the request was over')
        replies[id(self)] = reply(response, status, headers)

    def send_not_found(self):
        self.send_response(*error_reply('404 Not Found'))

    def send_timeout(self):
        """Answers that something which the answer depends on has not answered in time."""
        self.send_response(*error_reply('504 Gateway Timeout'))


class Classes:
    """The classes of a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.known = {}   # segment -> Entry, or None for a module without a class to serve
        self.mounts = {}  # SCRIPT_NAME -> what of it is above the module's segment, and the rest
        self.loading = threading.Lock()

    def application(self, environ, start_response):
        status, headers, body = self.process(environ)
        start_response(status, headers)
        return body

    def process(self, environ):
        """Returns the reply to a request."""
        method = environ['REQUEST_METHOD']
        if method not in METHODS:
            return reply(*error_reply('501 Not Implemented'))
        if environ['RAW_URI'] == '*':
            return reply(None, '204 No Content', {'Allow': ', '.join(METHODS)})
        above, named = self.divide(environ['SCRIPT_NAME'])
        path = named + environ['PATH_INFO']
        entry = self.find(path[1:].partition('/')[0])
        if entry is None:
            return reply(*error_reply('404 Not Found'))
        name = entry.methods.get(method) or method == 'HEAD' and entry.methods.get('GET')
        if name:
            return entry.ask(name, class_env(environ, above, path))
        if method == 'OPTIONS':
            return reply(None, '204 No Content', {'Allow': entry.allow})
        page, status, headers = error_reply('405 Method Not Allowed')
        return reply(page, status, dict(headers, Allow=entry.allow))

    def divide(self, mount):
        """A mount whose last segment is the name of a module is that module's: the segment counts as the path's first."""
        if mount not in self.mounts:
            above, _, last = mount.rpartition('/')
            self.mounts[mount] = (above, '/' + last) if self.file_of(last) else (mount, '')
        return self.mounts[mount]

    def file_of(self, segment):
        """The file of the module that a segment names, or None."""
        if not SEGMENT(segment):
            return None
        name = segment + '.py'
        if name not in os.listdir(self.folder):  # some file systems would find it spelt otherwise
            return None
        file = os.path.realpath(os.path.join(self.folder, name))
        inside = file.startswith(os.path.join(self.folder, ''))
        return file if inside and os.path.isfile(file) else None

    def find(self, segment):
        """The entry that a segment names, or None. A module that fails is tried again by the next request for it."""
        if segment not in self.known:
            file = self.file_of(segment)
            if file is None:
                return None
            with self.loading:
                if segment not in self.known:
                    self.known[segment] = choose_class(load_module(segment, file), segment)
        return self.known[segment]


class Entry:
    """A class with the methods that requests can ask it for."""

    def __init__(self, cls, methods):
        self.cls, self.methods = cls, methods
        self.allow = ', '.join(m for m in METHODS if m in methods or m == 'OPTIONS' or m == 'HEAD' and 'GET' in methods)
        self.by_env = {}  # name of a method -> whether it takes env
        self.made_by_env = not binds(cls) and binds(cls, None)
        for name, value in vars(Handler).items():
            if not name.startswith('_') and not hasattr(cls, name):
                setattr(cls, name, value)

    def ask(self, name, env):
        instance = self.cls(env) if self.made_by_env else self.cls()
        if not hasattr(instance, 'env'):
            try:
                instance.env = env
            except AttributeError:  # it has __slots__
                pass
        replies[id(instance)] = None
        try:
            method = getattr(instance, name)
            if name not in self.by_env:
                self.by_env[name] = binds(method, env)
            returned = method(env) if self.by_env[name] else method()
            if hasattr(returned, '__await__'):
                raise TypeError('%s.%s is asynchronous; it must be a plain function' % (self.cls.__name__, name))
            if replies[id(instance)] is not None:
                return replies[id(instance)]
        finally:
            del replies[id(instance)]
        if returned is None:
            raise RuntimeError('%s.%s has neither sent a response nor returned one' % (self.cls.__name__, name))
        return reply(returned, '200 Ok', None)


def load_module(segment, file):
    """Imports a file by its path: whatever else has that name is not looked at."""
    name = MODULES + segment
    loader = importlib.machinery.SourceFileLoader(name, file)
    module = importlib.util.module_from_spec(importlib.util.spec_from_file_location(name, file, loader=loader))
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def choose_class(module, segment):
    """The class of that name, as it is or in the spelling of classes (kv_store is KvStore); else the only one there is. Only
    public classes count that the module has made itself and that have a method for requests."""
    entries = {}
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and value.__module__ == module.__name__ and not name.startswith('_'):
            methods = methods_of(value)
            if methods:
                entries[name] = value, methods
    camel = ''.join(word[:1].upper() + word[1:] for word in segment.split('_'))
    found = entries.get(segment) or entries.get(camel)
    if found is None and len({cls for cls, _ in entries.values()}) == 1:
        found, *_ = entries.values()
    if found is None:
        print('highball: %s answers no requests: of its classes %s none is named %s or %s'
              % (module.__file__, sorted(entries), segment, camel), file=sys.stderr)
        return None
    return Entry(*found)


def methods_of(cls):
    """The methods that a class has for requests -> their names in it, which may be in lower case."""
    own = [base for base in cls.__mro__ if base.__module__.partition('.')[0] not in STANDARD]  # dict.get answers no requests
    return {method: name for method in METHODS for name in (method.lower(), method)
            if any(name in vars(base) for base in own) and callable(getattr(cls, name))}


def binds(function, *arguments):
    import inspect
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True


def class_env(environ, above, path):
    """The environment of a request as the classes see it: the fields of its header by their names in lower case, and the
    variables of WSGI in lower case over them, so that no client can set one."""
    env = {key[5:].lower().replace('_', '-'): utf8(value) for key, value in environ.items() if key.startswith('HTTP_')}
    for key, value in environ.items():
        if key.startswith('wsgi.'):
            env[key] = value
        else:
            env[key.lower()] = utf8(value)
    for name in ('content-type', 'content-length'):
        if name.upper().replace('-', '_') in environ:
            env[name] = env[name.replace('-', '_')]
    env.setdefault('http_host', '')
    env['script_name'], env['path_info'] = utf8(above), utf8(path)
    return env


def utf8(value):
    """The text of a value of WSGI, whose characters stand for bytes. Bytes that are not UTF-8 stay such characters."""
    if value.isascii():
        return value
    try:
        return value.encode('latin-1').decode()
    except UnicodeError:
        return value


def reply(response, status, headers):
    """What the arguments of send_response come to: status, headers and body as WSGI has them."""
    if isinstance(status, int):
        status = '%d ' % status
    pairs = [(name, str(value)) for name, value in (headers.items() if hasattr(headers, 'items') else headers or ())]
    usual = None
    if response is None:
        body = []
    elif isinstance(response, str):
        usual, body = HTML, [response.encode()]
        pairs = [(n, with_charset(v) if n.lower() == 'content-type' else v) for n, v in pairs]
    elif isinstance(response, (bytes, bytearray, memoryview)):
        usual, body = BYTES, [bytes(response)]
    elif isinstance(response, (io.RawIOBase, io.BufferedIOBase)):
        usual, body = BYTES, FileWrapper(response)
    elif hasattr(response, '__iter__') and not isinstance(response, dict):
        usual, body = HTML, encoded(response)
    else:
        raise TypeError('a response is str, bytes, a binary file or yields str or bytes; it is not %s' % type(response).__name__)
    if type(body) is list and any(body):  # the server counts; a class may have counted characters
        pairs = [pair for pair in pairs if pair[0].lower() != 'content-length']
    if usual and all(name.lower() != 'content-type' for name, _ in pairs):
        pairs.append(('Content-Type', usual))
    return status, pairs, body


def with_charset(value):
    lower = value.lower()
    return value + '; charset=utf-8' if lower.startswith('text/') and 'charset=' not in lower else value


def encoded(blocks):
    try:
        for block in blocks:
            yield block.encode() if isinstance(block, str) else block
    finally:
        if hasattr(blocks, 'close'):
            blocks.close()


def error_reply(status):
    """The arguments of send_response for an error: the page that the server has for it too."""
    page = ('<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
            '<title>%s</title><h1>%s</h1></html>\n' % (status, status))
    return page, status, {'Content-Type': HTML, 'X-Content-Type-Options': 'nosniff'}
