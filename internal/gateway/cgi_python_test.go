//go:build linux

package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// pythonCase is a Python script and a request for it. What it does must not depend on how it is started.
type pythonCase struct {
	name   string
	script string // behind its #! line and what prints the header block
	head   bool   // the script prints that itself
	method string
	query  string
	field  string // of the request, besides
	body   string
	files  map[string]string // beside it

	status int    // 0 is 200
	want   string // all of the answer's body, or, in slashes, a part of it
	log    string // part of what is logged
}

// pythonCases say PYTHON where they mean the interpreter.
var pythonCases = []pythonCase{
	{name: "print", script: `print("hello")`, want: "hello\n"},
	{name: "not flushed", script: `import sys; sys.stdout.write("no newline")`, want: "no newline"},
	{name: "buffer and descriptor", script: `
import os, sys
sys.stdout.flush()
sys.stdout.buffer.write(b"\xff|"); sys.stdout.buffer.flush(); os.write(1, b"direct|"); print("end")`, want: "\xff|direct|end\n"},
	{name: "another stdout", script: `
import io, sys
sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-16-le")
print("hi", end="")`, head: false, want: "h\x00i\x00"},
	{name: "a second stdout", script: `
import sys
sys.stdout.flush()
sys.stdout = open(1, "w", encoding="latin-1", closefd=False)
print("caf\xe9", end="")`, want: "caf\xe9"},
	{name: "stdout closed early", script: `
import os, sys
print("said"); sys.stdout.close()
open(os.environ["TMPDIR"] + "/went-on", "w").write("yes")`, want: "said\n"},
	{name: "descriptor closed", script: `
import os, sys
print("said", flush=True); os.close(1); os.close(2)`, want: "said\n"},
	{name: "descriptor closed too early", script: `
import os
print("said", flush=True); os.close(1)
print("lost")`, want: "said\n", log: "exit status 120"},

	{name: "environment", script: `
import os, subprocess
print(sorted(os.environ.items()))
print(sorted(os.environb.items()))
print(sorted(line for line in subprocess.check_output("env").decode("latin-1").splitlines() if not line.startswith("_=")))
print(os.getenv("HTTP_X_BYTES"), os.getenvb(b"HTTP_X_BYTES"), os.popen("echo $QUERY_STRING").read())`,
		query: "a=%C3%A9&b", field: "X-Bytes: caf\xe9 \xc3\xa9\r\n", want: "/'QUERY_STRING', 'a=%C3%A9&b'/"},
	{name: "environment that is changed", script: `
import os, subprocess
os.environ["COLOUR"] = "red"; del os.environ["PATH_INFO"]; os.putenv("SHAPE", "round")
out = subprocess.check_output(["/usr/bin/env"]).decode()
print("COLOUR=red" in out, "PATH_INFO" in out, os.environ.get("SHAPE"))`, want: "True False None\n"},
	{name: "after a change", script: `
import os
print(os.environ.get("COLOUR"), os.environ.get("SHAPE"), os.environ.get("HTTP_X_BYTES"), os.environ["PATH_INFO"])`, want: "green None None /info\n"},
	{name: "words", script: `
import sys
print(sys.argv, getattr(sys, "orig_argv", None), sys.executable)`, query: "one+t%77o", want: "/'one', 'two'/"},
	{name: "namespace", script: `
import sys, os, __main__
seen = {k: type(v).__name__ if k in ("__loader__", "__builtins__") else v for k, v in globals().items() if k.startswith("__")}
seen.pop("__main__")
print(list(seen.items()), __main__ is sys.modules["__main__"], __main__.__dict__ is globals(), type(__main__), __loader__.name, __loader__.path)
print(sys.path, os.getcwd())
import pickle, inspect
class Thing: pass
def function(): pass
print(type(pickle.loads(pickle.dumps(Thing()))), inspect.getsource(function))`, want: "/('__name__', '__main__')/"},
	{name: "settings", script: `
import sys, gc, warnings, locale, codecs, time, signal
print(sys.flags, sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold(), sys.dont_write_bytecode, sys.getswitchinterval())
print(warnings.filters, locale.setlocale(locale.LC_CTYPE), sys.getfilesystemencoding(), locale.getpreferredencoding(False), time.tzname)
print([(s, signal.getsignal(s)) for s in range(1, 32) if s not in (9, 19)], signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.set_wakeup_fd(-1))
print(sys._xoptions, sys.warnoptions, sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__, sys.meta_path, sys.path_hooks[0])`, want: "/sys.flags(debug=0/"},
	{name: "process", script: `
import os, resource, threading, sys
print(os.getpgrp() == os.getpid(), os.getsid(0), threading.main_thread() is threading.current_thread())
print(threading.main_thread().ident == threading.get_ident(), threading.main_thread().native_id == threading.get_native_id(), threading.enumerate())
print(os.umask(0), resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE), os.getpriority(os.PRIO_PROCESS, 0))
print(sorted(set(os.listdir("/proc/self/fd"))))
print([os.get_inheritable(n) for n in range(3)], [os.get_blocking(n) for n in range(3)])`, want: "/True/"},
	{name: "streams", script: `
import sys, os, io
for f in sys.stdin, sys.stdout, sys.stderr:
    print(repr(f), f.errors, f.line_buffering, f.write_through, f.newlines, f.seekable(), f.fileno(), f.isatty(), f.mode, f.closed, type(f.buffer), f.buffer.raw.closefd, f.buffer.raw.name)
print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
print(sys.stdin.read(1) == "", oct(os.fstat(0).st_mode))`, want: "/<stdin>/"},
	{name: "streams with a body", method: "POST", body: "a=b\r\nc", script: `
import sys, os
print(repr(sys.stdin), sys.stdin.seekable(), sys.stdin.buffer.peek(1)[:1], sys.stdin.errors, sys.stdin.mode)
print(repr(sys.stdin.read()))`, want: "/'a=b\\r\\nc'/"},
	{name: "body as bytes", method: "POST", body: "\xff\x00\xfe", script: `
import sys, os
print(sys.stdin.buffer.read(int(os.environ["CONTENT_LENGTH"])))`, want: "b'\\xff\\x00\\xfe'\n"},
	{name: "large body", method: "POST", body: strings.Repeat("0123456789", 30000), script: `
import sys, hashlib
print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())`, want: "91c304e4daed16d1ac074867c3a7b6b25f113684822bb9cb5db2535cf6b21c8c\n"},
	{name: "large body by descriptor", method: "POST", body: strings.Repeat("0123456789", 30000), script: `
import os
n = 0
while True:
    b = os.read(0, 4096)
    if not b: break
    n += len(b)
print(n)`, want: "300000\n"},
	{name: "form", method: "POST", field: "Content-Type: application/x-www-form-urlencoded\r\n", body: "name=Ada&x=1", script: `
try:
    import cgi
except ImportError:
    print("Ada")
else:
    print(cgi.FieldStorage().getfirst("name"))`, want: "Ada\n"},

	{name: "exit 0", script: `import sys; print("x"); sys.exit(0)`, want: "x\n"},
	{name: "exit 3", script: `import sys; print("x"); sys.exit(3)`, want: "x\n", log: "exit status 3"},
	{name: "exit 256", script: `import sys; print("x"); sys.exit(256)`, want: "x\n"},
	{name: "exit -1", script: `import sys; print("x"); sys.exit(-1)`, want: "x\n", log: "exit status 255"},
	{name: "exit with words", script: `import sys; print("x"); sys.exit("so long")`, want: "x\n", log: "so long"},
	{name: "exit by a class", script: `print("x"); raise SystemExit`, want: "x\n"},
	{name: "exit with True", script: `raise SystemExit(True)`, log: "exit status 1"},
	{name: "exit in the middle", script: `
import os
print("flushed", flush=True); print("not"); os._exit(0)`, want: "flushed\n"},
	{name: "exception", script: `
def inner(n):
    return 1 / n
try:
    inner(0)
except ZeroDivisionError as error:
    raise ValueError("it failed: caf\xe9") from error`, log: "ValueError: it failed"},
	{name: "exception before the head", head: true, script: `import nothing_such`, status: 502, log: "No module named 'nothing_such'"},
	{name: "exception of its own hook", script: `
import sys
sys.excepthook = lambda kind, value, trace: print("hook", kind.__name__, value, trace.tb_lineno, trace.tb_next)
raise KeyError("k")`, want: "hook KeyError 'k' 6 None\n", log: "exit status 1"},
	{name: "hook that exits", script: `
import sys
def hook(*about):
    sys.exit(9)
sys.excepthook = hook
raise KeyError("k")`, log: "exit status 9"},
	{name: "hook that fails", script: `
import sys
def hook(*about):
    raise OSError("hook")
sys.excepthook = hook
raise KeyError("k")`, log: "Original exception was"},
	{name: "interrupt", script: `
import atexit
atexit.register(print, "bye")
print("x", flush=True)
raise KeyboardInterrupt`, status: -1, log: "signal: interrupt"},
	{name: "syntax error", head: true, script: "x = = 1\n", status: 502, log: "SyntaxError"},
	{name: "null byte", head: true, script: "x = 1\x00\n", status: 502, log: "has printed nothing"},
	{name: "syntax warning", script: `print("x" is "y", "\d")`, want: "False \\d\n", log: "Warning"},
	{name: "deprecated", script: `
import warnings
warnings.warn("old", DeprecationWarning)
print("x")`, want: "x\n", log: "DeprecationWarning: old"},
	{name: "recursion", script: `
def f(n): return f(n + 1)
try:
    f(0)
except RecursionError:
    print("deep")`, want: "deep\n"},
	{name: "killed", script: `
import os, signal
print("part", flush=True); os.kill(os.getpid(), signal.SIGKILL)`, status: -1, log: "signal: killed"},
	{name: "terminated", script: `
import os, signal
print("part", flush=True); os.kill(os.getpid(), signal.SIGTERM)`, status: -1, log: "signal: terminated"},
	{name: "aborted", script: `
import os
print("part", flush=True); os.abort()`, status: -1, log: "signal: aborted"},
	{name: "alarm", script: `
import signal, sys
signal.signal(signal.SIGALRM, lambda *_: (print("alarm"), sys.exit(4)))
signal.setitimer(signal.ITIMER_REAL, 0.01)
while True: signal.pause()`, want: "alarm\n", log: "exit status 4"},

	{name: "at exit", script: `
import atexit
@atexit.register
def last(): print("last")
atexit.register(print, "before")
print("first")`, want: "first\nbefore\nlast\n"},
	{name: "at exit after an exception", script: `
import atexit
atexit.register(print, "bye")
raise OSError("gone")`, want: "bye\n", log: "OSError: gone"},
	{name: "at exit failing", script: `
import atexit
atexit.register(lambda: 1 / 0)
print("x")`, want: "x\n", log: "ZeroDivisionError"},
	{name: "finalizers", script: `
import weakref
class Thing:
    def __init__(self, name): self.name = name
    def __del__(self): print("del", self.name, say and "can say")
def say(): pass
one = Thing("one")
two = Thing("cycle"); two.me = two
del two
keep = Thing("kept"); weakref.finalize(keep, print, "finalize")
def generator():
    try: yield 1
    finally: print("generator ends")
g = generator(); next(g)
print("end")`, want: "/del cycle can say/"},
	{name: "files left open", script: `
import os
name = os.environ["TMPDIR"] + "/left-open"
f = open(name, "w")
f.write("written")
def function(): return f
print("x")`, want: "x\n"},
	{name: "files left open, read again", script: `
import os
print(open(os.environ["TMPDIR"] + "/left-open").read())`, want: "written\n"},
	{name: "module of its own", script: `
import helper, sys
print(helper.greet(), helper.__file__, sys.modules["helper"] is helper)`, files: map[string]string{"helper.py": "class C:\n    def __del__(self): print('module ends')\nc = C()\ndef greet(): return 'hi'\n"},
		want: "/module ends/"},
	{name: "package of its own", script: `
from parts.inner import value
print(value)`, files: map[string]string{"parts/__init__.py": "", "parts/inner.py": "value = 7\n"}, want: "7\n"},
	{name: "logging", script: `
import logging, logging.handlers, sys
h = logging.handlers.MemoryHandler(1000, target=logging.StreamHandler(sys.stdout))
log = logging.getLogger("shop"); log.addHandler(h); log.warning("kept until the end")
logging.getLogger().warning("to stderr")`, want: "kept until the end\n", log: "to stderr"},
	{name: "threads", script: `
import threading
go = threading.Event()
def work():
    go.wait(); print("thread")
threading.Thread(target=work).start()
threading.Thread(target=lambda: threading.Event().wait(), daemon=True).start()
print("main"); go.set()`, want: "main\nthread\n"},
	{name: "thread that fails", script: `
import threading
t = threading.Thread(target=lambda: 1 / 0, name="t"); t.start(); t.join()
print("x")`, want: "x\n", log: "ZeroDivisionError"},
	{name: "pool", script: `
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(3)
f = [pool.submit(pow, n, 2) for n in range(5)]
print([r.result() for r in f])
pool.submit(print, "late")`, want: "[0, 1, 4, 9, 16]\nlate\n"},
	{name: "fork", script: `
import os, random, sys
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    print("child", random.random() > 2); sys.exit(5)
print("parent", os.WEXITSTATUS(os.waitpid(pid, 0)[1]))`, want: "child False\nparent 5\n"},
	{name: "fork with threading", script: `
import os, sys, threading, logging
called = []
os.register_at_fork(before=lambda: called.append("before"), after_in_parent=lambda: called.append("parent"), after_in_child=lambda: called.append("child"))
sys.stdout.flush()
pid = os.fork()
if pid == 0:
    print(called, threading.main_thread().native_id == threading.get_native_id(), flush=True); os._exit(0)
os.waitpid(pid, 0)
print(called)`, want: "/['before', 'parent']/"},
	{name: "subprocess", script: `
import subprocess, sys
print(subprocess.run([sys.executable, "-c", "import os; print(os.environ['QUERY_STRING'], os.getcwd())"], stdout=subprocess.PIPE).stdout.decode())
print(subprocess.run("exit 3", shell=True).returncode)`, query: "q=1", want: "/q=1 /"},
	{name: "multiprocessing", script: `
import multiprocessing
def square(n): return n * n
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool: print(pool.map(square, [1, 2, 3]))`, want: "[1, 4, 9]\n"},
	{name: "exec", script: `
import os
os.execvp("sh", ["sh", "-c", "echo $QUERY_STRING; exit 3"])`, head: true, query: "a=b", status: 502, log: "no header block"},
	{name: "exec with a head", script: `
import os, sys
sys.stdout.flush(); os.execvp("sh", ["sh", "-c", "echo $QUERY_STRING; cat"])`, query: "a=b", want: "a=b\n"},
	{name: "latin-1 source", head: true, script: "# -*- coding: latin-1 -*-\nprint('Content-Type: text/plain\\n')\nprint(ascii('caf\xe9'))", want: "'caf\\xe9'\n"},
	{name: "CRLF source", head: true, script: "print('Content-Type: text/plain\\n')\r\nif True:\r\n    print('''a\r\nb''')\r\n", want: "a\nb\n"},
	{name: "docstring and future", script: `"""What it does."""
from __future__ import annotations
x: int = 3
print("Content-Type: text/plain\n")
print(__doc__, globals().get("__annotations__", "lazy"))`, head: true, want: "/What it does. /"},
	{name: "ctypes", script: `
import ctypes, sys
sys.stdout.flush()
ctypes.CDLL(None).printf(b"from C")`, want: "from C"},
	{name: "sockets", script: `
import socket, ssl
a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1), len(ssl.RAND_bytes(4)))`, want: "b'x' 4\n"},
	{name: "hidden module", script: `
import json
print(json.own)`, files: map[string]string{"json.py": "own = 'of the folder'\n"}, want: "of the folder\n"},
	{name: "last values", script: `
import sys
print([hasattr(sys, n) for n in ("last_type", "last_value", "last_traceback", "ps1")], sys.exc_info())`, want: "[False, False, False, False] (None, None, None)\n"},
}

// heard is what became of a pythonCase.
type heard struct {
	status int // -1 for an answer that was cut
	body   string
	log    string
}

// volatile is what differs from one run to another.
var volatile = regexp.MustCompile(`pid=\d+ |\bid=\S+ |'?HTTP_X_REQUEST_ID'?[=:,] ?b?'?[0-9a-f]+-[0-9a-f]+-\d+'?|time=\S+ |cgi=\S+ |0x[0-9a-f]+|started \d+|REMOTE_PORT=\d+|'REMOTE_PORT', b?'\d+'|<[^<>]*:\d+: RuntimeWarning`)

// answerTo sends the request of x, and waits for all that comes of it.
func (s *scripts) answerTo(t *testing.T, x *pythonCase, n int) heard {
	t.Helper()
	before := len(s.log.String())
	c := s.Dial(t)
	defer c.Close()
	method := x.method
	if method == "" {
		method = "GET"
	}
	length := ""
	if x.body != "" {
		length = fmt.Sprintf("Content-Length: %d\r\n", len(x.body))
	}
	c.Send(fmt.Sprintf("%s /cgi-bin/%s/info?%s HTTP/1.1\r\nHost: test\r\n%s%s\r\n%s", method, caseFile(n), x.query, x.field, length, x.body))
	r, err := c.TryReceive(method)
	if err != nil {
		r.Status, r.Body = -1, ""
	}
	if r.Status >= 400 {
		r.Body = ""
	}
	servertest.Eventually(t, "the script has ended", func() bool {
		s.cgi.mu.Lock()
		defer s.cgi.mu.Unlock()
		return len(s.cgi.runs) == 0
	})
	var says, others string // which come from different goroutines
	for line := range strings.Lines(volatile.ReplaceAllString(s.log.String()[before:], "")) {
		if strings.Contains(line, "a CGI script says") {
			says += line
		} else {
			others += line
		}
	}
	return heard{r.Status, volatile.ReplaceAllString(r.Body, ""), says + others}
}

func caseFile(n int) string { return fmt.Sprintf("case%d/script", n) }

// servePython serves all cases, cold or warm.
func servePython(t *testing.T, python string, warm bool) *scripts {
	files := make(map[string]string)
	for n := range pythonCases {
		x := &pythonCases[n]
		text := "#!" + python + "\n"
		if !x.head {
			text += "print('Content-Type: text/plain\\n')\n"
		}
		files[caseFile(n)] = text + x.script
		for name, content := range x.files {
			files[filepath.Join(filepath.Dir(caseFile(n)), name)] = content
		}
	}
	root := t.TempDir() // whose name is the same each time the test is run in it
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	dir := filepath.Join(root, "s")
	if err := os.CopyFS(dir, os.DirFS(folder(t, files))); err != nil {
		t.Fatal(err)
	}
	return serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{
		Name: "cgi", Dir: dir, Warm: warm, Env: []string{"TMPDIR=" + root, "COLOUR=green", "PYTHONDONTWRITEBYTECODE=1"},
	})
}

// A Python script does the same whether its interpreter is started for it or was before.
func TestCGIPython(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		leaveNothing(t)
		cold, warm := servePython(t, python, false), servePython(t, python, true)
		for n := range pythonCases {
			x := &pythonCases[n]
			t.Run(x.name, func(t *testing.T) {
				usual := cold.answerTo(t, x, n)
				checkPython(t, x, usual)
				for range 2 {
					got := warm.answerTo(t, x, n)
					got.body = strings.ReplaceAll(got.body, filepath.Dir(warm.dir), filepath.Dir(cold.dir))
					got.log = strings.ReplaceAll(got.log, filepath.Dir(warm.dir), filepath.Dir(cold.dir))
					if x.name == "hidden module" {
						got.log = "" // it tells why it is run cold
					}
					if got != usual {
						t.Errorf("warm:\n%d %s\n%s\nbut cold:\n%d %s\n%s", got.status, got.body, got.log, usual.status, usual.body, usual.log)
					}
				}
			})
		}
		if n := strings.Count(warm.log.String(), "are run cold"); n != 1 || !strings.Contains(warm.log.String(), "json in "+warm.dir) {
			t.Errorf("that something is run cold was told %d times:\n%s", n, warm.log)
		}
	})
}

func checkPython(t *testing.T, x *pythonCase, got heard) {
	t.Helper()
	status := x.status
	if status == 0 {
		status = 200
	}
	ok := got.body == x.want
	if part, found := strings.CutPrefix(x.want, "/"); found {
		ok = strings.Contains(got.body, strings.TrimSuffix(part, "/"))
	}
	if got.status != status || !ok || !strings.Contains(got.log, x.log) {
		t.Errorf("status %d, %q, and the log\n%s\nwant %d, %q and %q", got.status, got.body, got.log, status, x.want, x.log)
	}
}
