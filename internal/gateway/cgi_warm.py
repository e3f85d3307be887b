"""Runs CGI scripts that are written in Python: each in a fork of this process, which has started an interpreter already.

To a script all looks as if the interpreter had been started for it alone, but that it begins much sooner. No line of a script
runs in this process, which only reads and compiles them, and remembers what came of that.

Descriptors at the start: 0 is nothing, 1 and 2 are the log, and 3 is a stream socket to the server. What comes there is

  RUN     start a script; its standard streams come along, its file, arguments, folders and environment follow
  SIGNAL  send a signal to its process group
  END     tell when it has ended, and only then give its number back: until then its group can be signalled

and the answers are STARTED, FAILED or REFUSED, and ENDED. REFUSED means that the script is better run by an interpreter of its
own, which will say what is wrong with it. The end of the stream is the end of the server: then all scripts are killed, with
their groups.

The program is for CPython 3.8 and later, and runs from the text that the server gives the interpreter.
"""

import os
import sys

FIRST = frozenset(sys.modules)  # what a script finds loaded in any case


def standard_folders():
    """Returns the entries of sys.path that belong to the standard library, and those before them."""
    library = os.path.dirname(os.__file__)
    standard, before = [], []
    for entry in sys.path:
        if entry in (library, os.path.join(library, 'lib-dynload')) or entry.endswith('.zip') and not os.path.exists(entry):
            standard.append(entry)
        elif entry and library not in standard:
            before.append(entry)
    return standard, before


# The folders of scripts come into the path in their own processes only, and so does what PYTHONPATH names: nothing of theirs
# is to run here.
STANDARD, BEFORE = standard_folders()
WHOLE, sys.path[:] = sys.path[:], STANDARD

import builtins
import fcntl
import gc
import select
import signal
import struct
import time
import warnings
import _signal  # the functions of signal wrap these, which takes longer in a new process than one may think
import _socket
import _thread

CONTROL = 3
HEADER = struct.Struct('<IIiI')  # kind, number of the run, value, size of what follows
RUN, SIGNAL, END = 1, 2, 3
READY, STARTED, FAILED, REFUSED, ENDED = 1, 2, 3, 4, 5

# What scripts use often, or what that imports. What loads large libraries or keeps a state is not worth its place. The module
# cgi warns of its end from Python 3.11 on, which a script is to see.
COMMON = '''
    argparse atexit base64 bisect calendar codecs collections collections.abc contextlib copy csv datetime email.message
    email.parser email.utils encodings.ascii encodings.latin_1 encodings.utf_8 enum errno fnmatch functools glob heapq html
    html.entities html.parser http http.cookies importlib.machinery io itertools json linecache locale logging math operator
    pathlib random re reprlib shlex shutil stat string subprocess tempfile textwrap threading traceback types typing
    urllib.parse weakref zlib
'''.split() + (['cgi', 'cgitb'] if sys.version_info < (3, 11) else [])

MOST_COMPILED = 256    # scripts and folders that are remembered
LARGEST = 1 << 20      # bytes of a script that are compiled here
SETTLED = 2 * 10 ** 9  # nanoseconds after which a change of a file has surely changed what stat tells of it


def preload():
    """Imports the common modules. One that this Python does not have is none. What they want to be called at forks is called for
    those of scripts only: it repairs what other threads have left, and there are none here."""
    wishes = []
    register, os.register_at_fork = os.register_at_fork, lambda **wish: wishes.append(wish)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        for name in COMMON:
            try:
                __import__(name)
            except ImportError:
                pass
    os.register_at_fork = register

    def relay(when, order):
        hooks = [wish[when] for wish in wishes if when in wish][::order]

        def call():
            if not at_home:
                for hook in hooks:
                    hook()
        return call

    register(before=relay('before', -1), after_in_parent=relay('after_in_parent', 1), after_in_child=relay('after_in_child', 1))


# --- What is remembered of files -------------------------------------------------------------------------------------

class Memory:
    """Remembers what was made of a file or a folder until that changes."""

    def __init__(self, make):
        self.make = make
        self.known = {}

    def get(self, path):
        info = os.stat(path)
        mark = (info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_dev)
        found = self.known.get(path)
        if found and found[0] == mark:
            return found[1]
        self.known.pop(path, None)
        made = self.make(path)
        if time.time_ns() - max(info.st_mtime_ns, info.st_ctime_ns) > SETTLED:
            if len(self.known) >= MOST_COMPILED:
                del self.known[next(iter(self.known))]
            self.known[path] = mark, made
        return made


def compiled(path):
    """Returns the code of a script, or None if Python should say what is wrong with it."""
    with open(path, 'rb') as file:
        source = file.read(LARGEST + 1)
    if len(source) > LARGEST:
        return None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        try:
            code = compile(source, path, 'exec', dont_inherit=True)
        except Exception:
            return None
    return None if said else code


def hides(folder):
    """Tells the name of a module in the folder that has the name of one that is loaded already, '' without one."""
    with os.scandir(folder) as entries:
        for entry in entries:
            name, _, kind = entry.name.partition('.')
            if name not in LOADED:
                continue
            if kind in ('py', 'pyc') or kind.endswith('so') or not kind and os.path.exists(os.path.join(entry.path, '__init__.py')):
                return name
    return ''


def prepare(path, own):
    """Returns the code of a script in a folder of its own, and ''; or None, and why it has to run elsewhere."""
    try:
        code = scripts.get(path)
    except (OSError, ValueError):
        code = None
    if code is None:
        return None, ''
    for folder in (own, *BEFORE):
        try:
            name = folders.get(folder)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            return None, 'what modules are in %s cannot be seen: %s' % (folder, error)
        if name:
            return None, '%s in %s hides the module of that name of the standard library' % (name, folder)
    return code, ''


# --- Forking ----------------------------------------------------------------------------------------------------------

def tell(kind, number, value, text=''):
    try:
        control.sendall(HEADER.pack(kind, number, value, len(text.encode())) + text.encode())
    except OSError:
        forsake()


def forsake():
    """Ends what runs, and this process: the server is no more."""
    for pid in running.values():
        end_group(pid, signal.SIGKILL)
    os._exit(0)


def end_group(pid, what):
    try:
        os.killpg(pid, what)
    except OSError:
        pass  # all have ended


def reap():
    """Tells of those that have ended among the awaited. The rest of the group of one that was killed is killed."""
    for number in list(awaited):
        pid = running[number]
        end = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if end is None:
            continue
        if end.si_code != os.CLD_EXITED or number in signalled:
            end_group(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        del running[number]
        awaited.discard(number)
        signalled.discard(number)
        tell(ENDED, number, status)


def serve():
    """Does what the server asks for. Returns in the process of a script only: its code and its namespace."""
    wake, wake_end = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # with a handler, the signal is written to the pipe
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    poll = select.poll()
    poll.register(CONTROL, select.POLLIN)
    poll.register(wake, select.POLLIN)
    space = _socket.CMSG_SPACE(12)
    received, heard = [], b''
    while True:
        ready = poll.poll()
        if any(descriptor == wake for descriptor, _ in ready):
            os.read(wake, 4096)
            reap()
        if not any(descriptor == CONTROL for descriptor, _ in ready):
            continue
        try:
            data, ancillary, flags, _ = control.recvmsg(1 << 16, space, getattr(_socket, 'MSG_CMSG_CLOEXEC', 0))
        except OSError:
            forsake()
        if flags & _socket.MSG_CTRUNC:
            raise OSError('too many open files for those of a script')
        for _, _, rights in ancillary:
            received.extend(struct.unpack('%di' % (len(rights) // 4), rights[:len(rights) // 4 * 4]))
        if not data:
            forsake()
        heard += data
        while len(heard) >= HEADER.size:
            kind, number, value, size = HEADER.unpack_from(heard)
            if len(heard) < HEADER.size + size:
                break
            words = heard[HEADER.size:HEADER.size + size].split(b'\0')
            heard = heard[HEADER.size + size:]
            data = ancillary = None
            if kind == END:
                if number in running:
                    awaited.add(number)
                    reap()
            elif kind == SIGNAL:
                if number in running:
                    signalled.add(number)
                    end_group(running[number], value)
            elif kind == RUN:
                ours, received = received[:3], received[3:]
                job = start(number, words, value, ours, (CONTROL, wake, wake_end, *home, *received))
                if job:
                    return job
            else:
                raise ValueError('a message of kind %d' % kind)


def start(number, words, value, descriptors, inherited):
    """Forks the process of a script. Returns in that only. What can be prepared for it is prepared before, since a process that
    was just forked is slow at everything: each page of memory that it writes to has to be copied first."""
    arguments, folder, place = [os.fsdecode(word) for word in words[:value + 1]], os.fsdecode(words[value + 1]), words[value + 2]
    code, why = prepare(arguments[0], folder)
    pid = -1
    if code is not None:
        theirs = *descriptors, *inherited
        dress(arguments, words[value + 3:], descriptors)
        names = begin(arguments[0])
        words.clear()
        try:
            pid = os.fork()
        except OSError as error:
            tell(FAILED, number, error.errno)
    if pid == 0:
        try:
            leave_home(place, folder, theirs)
            return code, names
        except BaseException as error:
            os.write(2, b'highball: cannot begin the script: %s\n' % repr(error).encode())
            os._exit(70)
    if code is not None:
        for place, descriptor in enumerate(home):
            os.dup2(descriptor, place)
    for descriptor in descriptors:
        os.close(descriptor)
    if pid > 0:
        try:
            os.setpgid(pid, pid)  # here too, since either may come first
        except OSError:
            pass
        running[number] = pid
        tell(STARTED, number, pid)
    elif code is None:
        tell(REFUSED, number, 0, why)
    return None


def dress(arguments, variables, descriptors):
    """Makes of this process, for a while, what it would be if the interpreter had just been started for a script."""
    global dressed
    sys.argv[:] = arguments
    if command:
        sys.orig_argv[:] = [*command, *arguments]
    wanted = {*variables, *changed}
    for variable in dressed - wanted:
        os.environb.pop(variable.partition(b'=')[0], None)
    for variable in variables:
        if variable not in dressed:
            name, _, value = variable.partition(b'=')
            os.environb[name] = value
    for variable in changed:
        name, _, value = variable.partition(b'=')
        if os.environb.get(name) != value:
            os.environb[name] = value
    dressed = wanted
    for place, descriptor in enumerate(descriptors):
        os.dup2(descriptor, place)
    # The other two are what they would be: they were opened for pipes, too, and nothing was written to them.
    stdin = first_stdin
    if not stat.S_ISCHR(os.fstat(0).st_mode):
        stdin = open(0, 'rb', closefd=False)
        stdin.raw.name = '<stdin>'
        stdin = io.TextIOWrapper(stdin, encoding=first_stdin.encoding, errors=first_stdin.errors, newline='\n',
                                 line_buffering=first_stdin.line_buffering)
        stdin.mode = 'r'
    sys.stdin = sys.__stdin__ = stdin
    random.seed()


def begin(path):
    """Returns the namespace of a script, that of a module __main__ as the interpreter makes it."""
    module = type(sys)('__main__')
    names = module.__dict__
    names['__loader__'] = SourceFileLoader('__main__', path)
    if annotated:
        names['__annotations__'] = {}
    names['__builtins__'] = builtins
    names['__file__'] = path
    if sys.version_info < (3, 15):
        names['__cached__'] = None
    sys.modules['__main__'] = module
    return names


def leave_home(place, folder, descriptors):
    """Takes a new process out of its parent's hands, and the descriptors that are only the parent's out of its."""
    global at_home
    at_home = False
    _signal.set_wakeup_fd(-1)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    os.setpgid(0, 0)
    control.detach()  # or it would close another descriptor at its end
    for descriptor in descriptors:
        os.close(descriptor)
    os.chdir(place)
    if path_begins_with_folder:
        sys.path.insert(0, folder)
    main_thread._native_id = _thread.get_native_id()


# --- The script's process ---------------------------------------------------------------------------------------------

def complain(error):
    """Reports an exception that the script has not caught, without this program's part of the traceback."""
    error.__traceback__ = trace = error.__traceback__.tb_next
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    failure = None
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit:
        raise
    except BaseException as caught:
        failure = caught
    if failure is not None:
        sys.stderr.write('Error in sys.excepthook:\n')
        failure.__traceback__ = failure.__traceback__.tb_next
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        sys.stderr.write('\nOriginal exception was:\n')
        sys.__excepthook__(type(error), error, trace)


def exit_status(code):
    """Returns the status that sys.exit(code) is to end with."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xff if -1 << 63 <= code < 1 << 63 else 0xff
    try:
        sys.stdout.flush()
    except (OSError, ValueError, AttributeError):
        pass  # finish will see it again
    try:
        sys.stderr.write('%s\n' % (code,))
    except (OSError, ValueError, AttributeError):
        pass  # as the interpreter does
    return 1


def finish(status):
    """Ends this process as the interpreter would, but without taking apart what the script has no part in, which takes longer
    than most scripts. Returns if the interpreter has to do it after all."""
    fresh = []
    for name in reversed(sys.modules):  # they are in the order in which they were imported
        if name == LAST:
            break
        fresh.append(name)
    if fresh or _thread._count():
        threading._shutdown()
    if atexit._ncallbacks():
        try:
            atexit._run_exitfuncs()
        except BaseException:
            pass  # it was told of
    if logging._handlerList != handlers:
        logging.shutdown()
    for name in fresh:
        file = names_of(sys.modules.get(name)).get('__file__')
        if name == '_ctypes' or isinstance(file, str) and file.endswith('.so') and '/lib-dynload/' not in file:
            return  # a library may have something to do at the end
    try:
        flush()
    except BaseException:
        return  # the interpreter says so
    if gc.isenabled():
        gc.collect()
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    for name in ('last_type', 'last_value', 'last_traceback', 'last_exc'):
        if hasattr(sys, name):
            setattr(sys, name, None)
    left = []
    for name in ['__main__', *reversed(fresh)]:
        module = sys.modules.pop(name, None)
        try:
            left.append(weakref.ref(module))
        except TypeError:
            pass  # not a module, then
        module = None
    gc.collect()
    for reference in reversed(left):
        module = reference()
        if module is not None:
            names = names_of(module)
            for name in [name for name in names if name[:1] == '_' and name[:2] != '__'] + list(names):
                if name != '__builtins__' and name in names:
                    names[name] = None
    try:
        flush()
    except BaseException:
        pass  # nobody looks any more
    if status == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def names_of(module):
    """Returns the namespace of a module. One that is loaded when it is first used is not loaded for this."""
    try:
        return object.__getattribute__(module, '__dict__')
    except AttributeError:
        return {}


def flush():
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


if sys.version_info < (3, 8) or not hasattr(os, 'waitid'):
    sys.exit('Python %d.%d cannot run scripts in this way' % sys.version_info[:2])
at_home = True
preload()
import atexit
import io
import logging
import random
import stat
import threading
import traceback
import weakref
from importlib.machinery import SourceFileLoader

# It is called all the same, if a script has used logging.
atexit.unregister(logging.shutdown)
handlers = list(logging._handlerList)

sys.path[:] = WHOLE
path_begins_with_folder = WHOLE[:1] == ['']
if path_begins_with_folder:
    del sys.path[0]
command = sys.orig_argv[:sys.orig_argv.index('-c')] if hasattr(sys, 'orig_argv') else []
annotated = '__annotations__' in sys.modules['__main__'].__dict__
given = dict(pair.partition(b'=')[::2] for pair in reversed(ENVIRON.split(b'\0')) if pair)  # noqa: F821, from the boot text
# What a program between, or the interpreter itself, has made of the environment.
changed = [name + b'=' + value for name, value in os.environb.items() if given.get(name) != value]
dressed = {name + b'=' + value for name, value in os.environb.items()}
main_thread = threading.main_thread()
LOADED = {name.partition('.')[0] for name in sys.modules} - {name.partition('.')[0] for name in FIRST}
LAST = next(reversed(sys.modules))
first_stdin = sys.stdin
scripts, folders = Memory(compiled), Memory(hides)
running, awaited, signalled = {}, set(), set()  # the processes by the number of their run; numbers of runs
control = _socket.socket(fileno=CONTROL)
home = [fcntl.fcntl(place, fcntl.F_DUPFD_CLOEXEC, CONTROL) for place in range(3)]
gc.collect()
gc.freeze()  # or a collection in a script would write to, and so copy, all the pages that they share
tell(READY, 0, os.getpid(), '%s\0%s' % ('.'.join(map(str, sys.version_info[:3])), os.path.realpath(sys.executable or '')))
try:
    code, names = serve()
except BaseException:
    traceback.print_exc()
    forsake()

# From here on this is a script's process.
caught = None
try:
    exec(code, globals().pop('names'))
except BaseException as error:
    caught = error
code, status = None, 0
try:
    if isinstance(caught, SystemExit):
        status = exit_status(caught.code)
    elif caught is not None:
        status = -signal.SIGINT if isinstance(caught, KeyboardInterrupt) else 1
        complain(caught)
except SystemExit as error:
    status = exit_status(error.code)
caught = None
finish(status)
if status < 0:
    sys.excepthook = lambda *_: None  # it was called
    raise KeyboardInterrupt
sys.exit(status)
