//go:build unix

package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// testSpec returns what a worker for an application with this source is launched from.
func testSpec(t *testing.T, source string, preload bool) *launchSpec {
	t.Helper()
	leaveNothing(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "shop.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &Config{Target: "shop:application", Dir: dir, Environ: append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")}
	spec, err := workerRecipe(cfg, testPython(t), 1, preload)
	if err != nil {
		t.Fatal(err)
	}
	spec.worker = 1
	return spec
}

func launched(t *testing.T, spec *launchSpec) *process {
	t.Helper()
	p, err := launch(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		<-p.done()
	})
	return p
}

func TestLife(t *testing.T) {
	spec := testSpec(t, "print('one\\ntwo', flush=True)\nimport sys\nsys.stderr.write('three')\n"+goodApp, false)
	var lines []string
	spec.output = func(line []byte) { lines = append(lines, string(line)) }
	p := launched(t, spec)
	r, err := p.await(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r.App != "shop:application" || r.PID != p.pid || r.Implementation != "CPython" || filepath.Base(r.File) != "shop.py" {
		t.Errorf("ready with %+v", r)
	}
	files, err := p.imports(context.Background())
	if err != nil || !strings.Contains(strings.Join(files, "\n"), r.File) {
		t.Errorf("imported files %q, error %v", files, err)
	}
	if p.state() != "running" {
		t.Errorf("it is %s", p.state())
	}
	main := p.takeMain()
	defer main.Close()
	if _, err := main.Write(appendFrame(nil, stopFrame, 0, 0, nil, nil)); err != nil {
		t.Fatal(err)
	}
	<-p.done()
	if p.state() != "exit status 0" {
		t.Errorf("it ended with %s", p.state())
	}
	if got := strings.Join(lines, "|"); got != "one|two|three" {
		t.Errorf("output %q", got)
	}
	if p.memory() != -1 || p.lastStacks(1) != "" || p.sendDescriptor(main) == nil {
		t.Error("a dead process answers")
	}
}

func TestAwait(t *testing.T) {
	for _, test := range []struct {
		name, source string
		check        func(t *testing.T, err error)
	}{
		{"cannot be loaded", "application = 3\n", func(t *testing.T, err error) {
			if load := asLoadError(t, err); load.Kind != "not-callable" || load.Message == "" {
				t.Errorf("load error %+v", load)
			}
		}},
		{"exits", "import os\nprint('closed on Sundays', flush=True)\nos._exit(4)\n", func(t *testing.T, err error) {
			var death *deathError
			if !errors.As(err, &death) || death.how != "exit status 4" || !strings.Contains(err.Error(), "closed on Sundays") {
				t.Errorf("error %v", err)
			}
		}},
		{"crashes", "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", func(t *testing.T, err error) {
			if err == nil || !strings.Contains(err.Error(), "signal: segmentation fault") {
				t.Errorf("error %v", err)
			}
		}},
		{"breaks the protocol", "import os, socket\ns = socket.socket(fileno=3)\ns.send(b'x' * 16)\nimport threading\nthreading.Event().wait()\n", func(t *testing.T, err error) {
			if breach := (*protocolError)(nil); !errors.As(err, &breach) {
				t.Errorf("error %v", err)
			}
		}},
		{"closes the connection", "import os, threading\nos.close(3)\nthreading.Event().wait()\n", func(t *testing.T, err error) {
			var death *deathError
			if !errors.As(err, &death) || death.how != "signal: killed" {
				t.Errorf("error %v", err)
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := launched(t, testSpec(t, test.source, false))
			_, err := p.await(context.Background())
			test.check(t, err)
		})
	}
	t.Run("is asked after its death only", func(t *testing.T) {
		p := launched(t, testSpec(t, "application = 3\n", false))
		<-p.done()
		_, err := p.await(context.Background())
		asLoadError(t, err)
		if _, err = p.await(context.Background()); err == nil || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("afterwards: error %v", err)
		}
	})
	t.Run("is not waited for any more", func(t *testing.T) {
		p := launched(t, testSpec(t, "print('here', flush=True)\nimport threading\nthreading.Event().wait()\n", false))
		ctx, cancel := context.WithCancelCause(context.Background())
		cause := errors.New("enough")
		cancel(cause)
		if _, err := p.await(ctx); !errors.Is(err, cause) {
			t.Errorf("error %v", err)
		}
	})
}

// Whatever step of a launch fails, nothing is left of those before.
func TestLaunchFails(t *testing.T) {
	failure := errors.New("no more of these")
	spec := testSpec(t, goodApp, false)
	var steps []string
	spec.before = func(step string) error { steps = append(steps, step); return nil }
	p := launched(t, spec)
	p.kill()
	<-p.done()
	if len(steps) < 8 {
		t.Errorf("steps: %v", steps)
	}
	before := openDescriptors()
	for n := range steps {
		i := 0
		spec.before = func(string) error {
			i++
			if i > n {
				return failure
			}
			return nil
		}
		if _, err := launch(spec); !errors.Is(err, failure) {
			t.Errorf("step %s: error %v", steps[n], err)
		}
		if after := openDescriptors(); after != before {
			t.Errorf("step %s: %d descriptors were open before and %d are after", steps[n], before, after)
		}
	}
	spec.before = nil
	spec.python = filepath.Join(t.TempDir(), "python")
	if _, err := launch(spec); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without an interpreter: error %v", err)
	}
	if after := openDescriptors(); after != before {
		t.Errorf("without an interpreter: %d descriptors were open before and %d are after", before, after)
	}
}

// The end of the server's end of LIFE is the end of the worker, even while it holds the interpreter's lock.
func TestServerGone(t *testing.T) {
	p := launched(t, testSpec(t, goodApp, false))
	if _, err := p.await(context.Background()); err != nil {
		t.Fatal(err)
	}
	_ = p.life.Close()
	<-p.done()
}

func TestStacks(t *testing.T) {
	p := launched(t, testSpec(t, `
import threading
def nap():
    print('asleep', flush=True)
    threading.Event().wait()
def application(environ, start_response):
    return []
threading.Thread(target=nap, daemon=True).start()
`, false))
	if _, err := p.await(context.Background()); err != nil {
		t.Fatal(err)
	}
	got := p.lastStacks(0)
	if !strings.Contains(got, "in nap") || strings.Contains(got, ownSource) {
		t.Errorf("stacks:\n%s", got)
	}
}

func TestParseThreads(t *testing.T) {
	const text = `Thread 0x01 (most recent call first):
  File "/usr/lib/python3/threading.py", line 320 in wait
  File "<highball>", line 10 in take
  File "<highball>", line 20 in serve
  File "/usr/lib/python3/threading.py", line 975 in run

Thread 0x02 (most recent call first):
  File "<highball>", line 30 in read
  File "/app/shop.py", line 3 in view
  File "<highball>", line 20 in serve
  File "/usr/lib/python3/threading.py", line 975 in run

Thread 0x03 [theirs] (most recent call first):
  File "/usr/lib/python3/threading.py", line 320 in wait

Current thread 0x04 (most recent call first):
  File "/app/shop.py", line 9 in loop
  File "/app/lib.py", line 8 in call
  File "<highball>", line 20 in serve
  File "<string>", line 1 in <module>
`
	const want = `Thread 0x4, at the request (most recent call last):
  File "/app/lib.py", line 8, in call
  File "/app/shop.py", line 9, in loop

Thread 0x2 (most recent call last):
  File "/app/shop.py", line 3, in view

Thread theirs (most recent call last):
  File "/usr/lib/python3/threading.py", line 320, in wait
`
	all := cutThreads(parseThreads(text))
	if len(all) != 4 {
		t.Fatalf("threads %+v", all)
	}
	all[3].Request = 7
	if got := formatThreads(all, 7); got != want {
		t.Errorf("written as\n%s\nwant\n%s", got, want)
	}
}

// What a worker says is not trusted.
func TestAnswerIn(t *testing.T) {
	p := &process{asked: 3}
	looked := func(number uint32, text string) string {
		b := binary.LittleEndian.AppendUint32([]byte{1}, number)
		return string(binary.LittleEndian.AppendUint32(b, uint32(len(text)))) + text
	}
	for heard, want := range map[string]string{
		"":                   "none",
		"Thread 0x01":        "none",
		looked(3, "yes"):     "yes",
		looked(3, "yes")[:8]: "none",
		looked(3, "yes")[:9]: "none",
		looked(2, "late") + "text" + looked(3, "yes") + "text": "yes",
		looked(4, "early"):                     "none",
		"\x01\x03\x00\x00\x00\xff\xff\xff\x7f": "none",
	} {
		text, ok := p.answerIn([]byte(heard))
		if got := string(text); ok != (want != "none") || ok && got != want {
			t.Errorf("in %q there is %q, %v", heard, got, ok)
		}
	}
}

func TestDescriptors(t *testing.T) {
	leaveNothing(t)
	c, err := openChannels(&launchSpec{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	server, worker := &process{desc: c.desc}, &process{desc: c.theirs[theirDesc]}
	if _, err := server.receiveDescriptor(); !errors.Is(err, errNoDescriptor) {
		t.Errorf("before one was sent: error %v", err)
	}
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i := range 3 {
		fmt.Fprint(f, i)
		if err := worker.sendDescriptor(f); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		got, err := server.receiveDescriptor()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, _ := got.ReadAt(b, 0); string(b[:n]) != "012" {
			t.Errorf("the file that came has %q", b[:n])
		}
		if flags, err := unix.FcntlInt(got.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Error("the descriptor would be inherited")
		}
		_ = got.Close()
	}
	for name, fds := range map[string][]int{"two at once": {0, 1}, "none": nil} {
		var rights []byte
		if len(fds) > 0 {
			rights = unix.UnixRights(fds...)
		}
		if err := unix.Sendmsg(int(c.theirs[theirDesc].Fd()), []byte{0}, rights, nil, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := server.receiveDescriptor(); !errors.Is(err, errNoDescriptor) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	_ = c.theirs[theirDesc].Close()
	if _, err := server.receiveDescriptor(); !errors.Is(err, errNoDescriptor) {
		t.Errorf("after the end: error %v", err)
	}
}

func TestFork(t *testing.T) {
	spec := testSpec(t, "print('loaded once', flush=True)\n"+goodApp, true)
	var mu sync.Mutex
	var lines []string
	spec.output = func(line []byte) { mu.Lock(); defer mu.Unlock(); lines = append(lines, string(line)) }
	first := launched(t, spec)
	if _, err := first.await(context.Background()); err != nil {
		t.Fatal(err)
	}
	f := becomeParent(first)
	spawn := func(n int) *process {
		t.Helper()
		p, err := f.fork(context.Background(), &launchSpec{worker: n, output: spec.output})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.kill(); <-p.done() })
		r, err := p.await(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if r.PID != p.pid || p.pid == f.pid {
			t.Errorf("worker %d is ready as process %d, forked as %d from %d", n, r.PID, p.pid, f.pid)
		}
		return p
	}
	one, two, three := spawn(1), spawn(2), spawn(3)

	one.kill()
	if <-one.done(); one.state() != "signal: killed" {
		t.Errorf("the first ended with %s", one.state())
	}
	if err := two.tell(appendFrame(nil, stopFrame, 0, 0, nil, nil)); err != nil {
		t.Fatal(err)
	}
	if <-two.done(); two.state() != "exit status 0" {
		t.Errorf("the second ended with %s", two.state())
	}
	failure := errors.New("no more of these")
	before := openDescriptors()
	for n := range 5 {
		i := 0
		_, err := f.fork(context.Background(), &launchSpec{worker: 9, before: func(string) error {
			if i++; i > n {
				return failure
			}
			return nil
		}})
		if !errors.Is(err, failure) || openDescriptors() != before {
			t.Errorf("step %d: error %v", n, err)
		}
	}

	if !f.forks() {
		t.Error("after failures that were no fault of its own the parent is given up")
	}
	f.kill()
	<-f.done()
	if _, err := f.fork(context.Background(), &launchSpec{worker: 4}); !errors.Is(err, errParentGone) || f.forks() {
		t.Errorf("a dead parent forks; error %v", err)
	}
	if three.ended() {
		t.Error("the third died with its parent")
	}
	three.kill()
	if <-three.done(); three.state() == "running" {
		t.Error("its end was not seen")
	}
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(lines, "|"); got != "loaded once" {
		t.Errorf("output %q", got)
	}
}
