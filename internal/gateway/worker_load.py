"""Finds the application that a worker is to serve, and says what to do where there is none. Part of worker.py's program."""

import importlib
import os
import re
import sys

class Refusal(Exception):
    """The application cannot be served. message is one line that says what to do about it."""

    def __init__(self, kind, message, error=None):
        super().__init__(message)
        self.kind, self.message, self.error = kind, message, error


def load(target, factory):
    """Finds the application. Returns it, its name as it was found, and the file of its module."""
    if 'load_classes' in globals():  # worker_classes.py is part of the program
        return load_classes(target)
    if os.path.basename(target) == 'manage.py':
        return load_django(target)
    name, _, attribute = target.rpartition(':') if ':' in target else (target, '', '')
    if attribute.endswith('()'):
        attribute, factory = attribute[:-2], True
    module = import_file(name) if name.endswith('.py') or os.sep in name else import_module(name)
    if attribute:
        found = resolve(module, attribute)
    else:
        attribute, found, factory = search(module, factory)
    title = '%s:%s' % (module.__name__, attribute)
    if factory:
        found, title = call_factory(found, title), title + '()'
    check_application(found, title)
    return found, title, os.path.abspath(getattr(module, '__file__', None) or '') if hasattr(module, '__file__') else ''


def import_module(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Only if it is the target itself, or a package around it: what the target imports is another matter.
        if error.name and (name + '.').startswith(error.name + '.'):
            raise Refusal('module-not-found', missing_module(name, error.name)) from None
        raise Refusal('import-failed', 'importing %s failed: %s' % (name, last_line(error)), error) from None
    except BaseException as error:  # a module may well call sys.exit()
        if isinstance(error, (ValueError, TypeError)) and not re.fullmatch(r'[^\W\d]\w*(\.[^\W\d]\w*)*', name):
            raise Refusal('module-not-found', '%r is not the name of a module; write MODULE:NAME or FILE.py:NAME' % name)
        raise Refusal('import-failed', 'importing %s failed: %s' % (name, last_line(error)), error) from None


def import_file(path):
    path = os.path.abspath(path)
    folder, base = os.path.split(path)
    if not os.path.isfile(path):
        nearby = [n for n in (os.listdir(folder) if os.path.isdir(folder) else []) if n.endswith('.py')]
        raise Refusal('module-not-found', 'there is no file %s%s' % (path, perhaps(base, nearby)))
    name = base[:-3]
    if '.' in name:
        raise Refusal('module-not-found', '%s cannot be imported: a module has no dot in its name, rename it' % path)
    sys.path.insert(0, folder)
    module = import_module(name)
    origin = getattr(module, '__file__', None)
    if not origin or not os.path.exists(origin) or not os.path.samefile(origin, path):
        raise Refusal('import-failed', '%s is hidden by a module of the same name, %s; rename it' % (path, origin or name))
    return module


def resolve(module, attribute):
    found, path = module, module.__name__
    for part in attribute.split('.'):
        try:
            found = getattr(found, part)
        except AttributeError:
            names = [n for n in dir(found) if not n.startswith('_')]
            raise Refusal('attribute-missing', '%s has no attribute %r%s' % (path, part, perhaps(part, names))) from None
        path += '.' + part
    return found


def search(module, factory):
    """Finds the application in a module of which only the name is given. Returns name, object, and if it is a factory."""
    public = {n: v for n, v in vars(module).items() if not n.startswith('_')}
    if not factory:
        for name in ('app', 'application'):
            if callable(public.get(name)):
                return name, public[name], False
        likely = {id(v): n for n, v in reversed(list(public.items())) if looks_wsgi(v, module)}
        if len(likely) == 1:
            name, = likely.values()
            return name, public[name], False
        if likely:
            names = ', '.join('%s:%s' % (module.__name__, n) for n in sorted(likely.values()))
            raise Refusal('ambiguous', '%s has several applications: name one of %s' % (module.__name__, names))
    for name in ('create_app', 'make_app'):
        if callable(public.get(name)):
            return name, public[name], True
    raise Refusal('attribute-missing', '%s has neither app, application, create_app nor make_app; name the application, '
                  'as in %s:NAME' % (module.__name__, module.__name__))


def parameters(callable_):
    """The names of the positional parameters, or None where Python does not tell."""
    import inspect
    try:
        found = inspect.signature(callable_).parameters.values()
    except Exception:  # the proxies of frameworks raise what they like
        return None
    return [p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def looks_wsgi(value, module):
    import inspect
    try:
        if inspect.isclass(value) or inspect.ismodule(value) or not callable(value):
            return False
        if inspect.isroutine(value) and getattr(value, '__module__', None) != module.__name__:
            return False  # imported, such as a helper of a framework
    except Exception:  # see parameters
        return False
    names = parameters(value)
    return bool(names) and len(names) == 2 and (names[0] in ('environ', 'env') or names[1] == 'start_response')


def check_application(value, title):
    import inspect
    if not callable(value):
        raise Refusal('not-callable', '%s is of type %s and cannot be called; name the application object'
                      % (title, type(value).__name__))
    inner = value
    while hasattr(inner, 'func') and not inspect.isroutine(inner):  # functools.partial
        inner = inner.func
    names = parameters(value)
    called = inner if inspect.isroutine(inner) or inspect.isclass(inner) else type(inner).__call__
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called) or names == ['scope', 'receive', 'send']:
        raise Refusal('asynchronous', '%s is asynchronous (ASGI), and only WSGI applications can be served for now; '
                      'a2wsgi.ASGIMiddleware makes one of it' % title)
    try:
        signature = inspect.signature(value)
    except Exception:  # see parameters
        return
    try:
        signature.bind(None, None)
    except TypeError:
        try:
            signature.bind()
        except TypeError:
            raise Refusal('not-callable', '%s%s does not take the two arguments of a WSGI application, environ and '
                          'start_response' % (title, signature)) from None
        raise Refusal('not-callable', '%s takes no environ: if it makes the application, write %s() or --factory'
                      % (title, title)) from None


def call_factory(factory, title):
    import inspect
    if not callable(factory):
        raise Refusal('not-callable', '%s is of type %s and cannot be called' % (title, type(factory).__name__))
    if inspect.iscoroutinefunction(factory):
        raise Refusal('asynchronous', '%s is asynchronous; a factory must be a plain function' % title)
    try:
        return factory()
    except BaseException as error:
        raise Refusal('factory-failed', 'calling %s() failed: %s' % (title, last_line(error)), error) from None


def load_django(path):
    """A Django project is named by its manage.py, which says where the settings are."""
    path = os.path.abspath(path)
    if not os.path.isfile(path):
        raise Refusal('module-not-found', 'there is no file %s' % path)
    settings_module = django_settings(path)
    if settings_module:
        os.environ.setdefault('DJANGO_SETTINGS_MODULE', settings_module)
    if 'DJANGO_SETTINGS_MODULE' not in os.environ:
        raise Refusal('django-settings', '%s does not say where the settings are; set DJANGO_SETTINGS_MODULE, or name the '
                      'application as MODULE:NAME' % path)
    sys.path.insert(0, os.path.dirname(path))
    try:
        conf = import_module('django.conf')
    except Refusal as refusal:
        if refusal.kind != 'module-not-found':
            raise
        raise Refusal('module-not-found', 'Django is not installed for %s; name its interpreter or virtual environment with '
                      '--python' % sys.executable) from None
    import_module(os.environ['DJANGO_SETTINGS_MODULE'])
    try:
        named = conf.settings.WSGI_APPLICATION
        if not named:
            found = importlib.import_module('django.core.wsgi').get_wsgi_application()
            return found, 'django.core.wsgi:get_wsgi_application()', path
    except BaseException as error:
        raise Refusal('import-failed', 'starting Django failed: %s' % last_line(error), error) from None
    name, _, attribute = named.rpartition('.')
    module = import_module(name)
    return resolve(module, attribute), '%s:%s' % (name, attribute), os.path.abspath(module.__file__)


def django_settings(path):
    """The settings module that a manage.py names: in setdefault('DJANGO_SETTINGS_MODULE', ...) or an assignment."""
    import ast
    try:
        with open(path, 'rb') as file:
            tree = ast.parse(file.read(), path)
    except (SyntaxError, ValueError) as error:
        raise Refusal('import-failed', 'reading %s failed: %s' % (path, last_line(error)), error) from None
    for node in ast.walk(tree):
        words = []
        if isinstance(node, ast.Call):
            words = node.args
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            key = node.targets[0].slice
            words = [getattr(key, 'value', key), node.value]  # before Python 3.9 the key was in an Index
            words[0] = key if isinstance(key, ast.Constant) else words[0]
        words = [w.value for w in words if isinstance(w, ast.Constant)]
        if len(words) == 2 and words[0] == 'DJANGO_SETTINGS_MODULE' and isinstance(words[1], str):
            return words[1]
    return None


def perhaps(word, words):
    import difflib
    close = difflib.get_close_matches(word, words, 1, 0.6)
    return '; did you mean %s?' % close[0] if close else ''


def missing_module(target, missing):
    """What to say when there is no module of that name: which are there that are spelt alike, or lie a folder deeper."""
    import pkgutil
    package, _, leaf = missing.rpartition('.')
    if package:
        where = list(getattr(sys.modules.get(package), '__path__', []))
        text = 'there is no module %s in %s' % (leaf, package)
        if not where:
            text += ', which is a module and not a package'
    else:
        where = [p for p in sys.path if p.startswith(os.getcwd())]
        text = 'there is no module %s in %s' % (missing, os.getcwd())
    try:
        hint = perhaps(leaf, [m.name for m in pkgutil.iter_modules(where)])
        if not hint and not package:
            for entry in sorted(os.listdir('.')):
                if os.path.isfile(os.path.join(entry, leaf + '.py')) or os.path.isdir(os.path.join(entry, leaf)):
                    hint = '; there is one in %s: use --chdir %s' % (entry, entry)
                    break
    except OSError:
        hint = ''
    return text + (hint or '; name it as in MODULE:NAME, and its folder with --chdir')
