//go:build linux

package gateway

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what the tests of worker.py stand on: the server's side of a worker, in its simplest form. It encodes
// by itself, so that a mistake in the server's codec does not hide one in the worker.

// rigPatience is how long a test waits for what must come.
const rigPatience = 20 * time.Second

// rigPythons returns the interpreters to test with: python3 first, then each other that is found.
func rigPythons(t testing.TB) []string {
	t.Helper()
	found := installedPythons()
	if len(found) == 0 {
		t.Skip("no Python interpreter")
	}
	return found
}

var installedPythons = sync.OnceValue(func() (found []string) {
	names := []string{"python3"}
	for minor := 8; minor <= 14; minor++ {
		names = append(names, "python3."+strconv.Itoa(minor))
	}
	names = append(names, "python3.13t", "python3.14t")
	names = append(names, filepath.SplitList(os.Getenv("HIGHBALL_PYTHONS"))...)
	const probe = "import os, sys; print(sys.version_info >= (3, 8), os.path.realpath(sys.executable))"
	for _, name := range names {
		out, err := exec.Command(name, "-c", probe).Output()
		if words := strings.Fields(string(out)); err == nil && words[0] == "True" && !slices.Contains(found, words[1]) {
			found = append(found, words[1])
		}
	}
	return found
})

// eachPython runs f with every interpreter.
func eachPython(t *testing.T, f func(t *testing.T, python string)) {
	for _, python := range rigPythons(t) {
		t.Run(python, func(t *testing.T) { f(t, python) })
	}
}

// python3 returns the interpreter that most tests use.
func python3(t testing.TB) string {
	return rigPythons(t)[0]
}

// rig is a worker and the server's ends of what connects them.
type rig struct {
	t      testing.TB
	cmd    *exec.Cmd // nil of a forked worker
	pid    int       // of a forked worker
	main   *os.File
	desc   *os.File
	life   *os.File
	stack  *os.File
	seats  *os.File
	arena  *arena // nil where the configuration has no slots
	output *rigOutput
	exited chan struct{} // closed when cmd has ended
	err    error         // of cmd; valid when exited
	lastID uint32
}

// rigOutput collects what a worker writes to its standard output and error.
type rigOutput struct {
	done chan struct{} // closed at its end
	mu   sync.Mutex
	b    []byte // guarded by mu
}

func (o *rigOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.b)
}

// rigEnds are the worker's ends, in the order of their descriptors.
type rigEnds struct{ main, desc, stack, life, out, seats *os.File }

func (e rigEnds) inOrder() []*os.File {
	return []*os.File{e.main, e.desc, e.stack, e.life, e.out, e.seats}
}

func (e rigEnds) close() {
	for _, f := range e.inOrder() {
		_ = f.Close()
	}
}

// newRig makes the ends of a worker that is not started yet.
func newRig(t testing.TB) (*rig, rigEnds) {
	t.Helper()
	pair := func() (ours, theirs *os.File) {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
		if err := unix.SetNonblock(fds[0], true); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	}
	r, e := &rig{t: t, output: &rigOutput{done: make(chan struct{})}, exited: make(chan struct{})}, rigEnds{}
	r.main, e.main = pair()
	r.desc, e.desc = pair()
	r.life, e.life = pair()
	r.stack, e.stack = pair()
	var err error
	if e.seats, err = unnamedFile(); err != nil {
		t.Fatal(err)
	}
	if r.seats, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", e.seats.Fd()), os.O_RDONLY, 0); err != nil {
		t.Fatal(err)
	}
	out, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	e.out = theirs
	go func() {
		defer close(r.output.done)
		defer out.Close()
		buf := make([]byte, 4096)
		for {
			n, err := out.Read(buf)
			r.output.mu.Lock()
			r.output.b = append(r.output.b, buf[:n]...)
			r.output.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		for _, f := range []*os.File{r.main, r.desc, r.life, r.stack, r.seats} {
			_ = f.Close() // some tests have closed it
		}
		if r.cmd != nil {
			_ = r.cmd.Process.Kill() // it may have ended
			<-r.exited
		}
		<-r.output.done
		if t.Failed() {
			t.Logf("the worker wrote:\n%s", r.output)
		}
	})
	return r, e
}

// rigConfig returns the configuration of a worker for a target in testdata/worker.
func rigConfig(t testing.TB, target string) workerConfig {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("testdata", "worker"))
	if err != nil {
		t.Fatal(err)
	}
	return workerConfig{Target: target, Dir: dir, Threads: 1, Worker: 1, Software: "highball/test",
		Sample: []byte(sampleEnviron), StackSignal: stackSignal}
}

// startRig starts a worker without waiting for it. env is added to its environment.
func startRig(t testing.TB, python string, config workerConfig, env ...string) *rig {
	t.Helper()
	r, e := newRig(t)
	defer e.close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	encoded, err := config.encode()
	if err != nil {
		t.Fatal(err)
	}
	boot, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer boot.Close()
	cmd := exec.Command(python, "-u", "-c", bootText)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = null, e.out, e.out
	cmd.ExtraFiles = []*os.File{e.main, e.desc, e.stack, e.life, boot, e.seats, null}
	if config.Slot > 0 {
		if r.arena = newArena(); r.arena == nil {
			t.Fatal("there is no memory to be shared")
		}
		t.Cleanup(r.arena.close)
		cmd.ExtraFiles[arenaPlace-3] = r.arena.file
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.cmd = cmd
	go func() {
		r.err = cmd.Wait()
		close(r.exited)
	}()
	if _, err := fmt.Fprintf(w, "%d\n%s%s", len(workerSource), workerSource, encoded); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return r
}

// readyRig starts a worker and waits until it is ready.
func readyRig(t testing.TB, python string, config workerConfig, env ...string) *rig {
	t.Helper()
	r := startRig(t, python, config, env...)
	r.want(rigReady)
	return r
}

// The kinds of frames, as the specification numbers them.
const (
	rigRequest, rigStop, rigList, rigFork = 1, 2, 3, 4

	rigReady, rigWhole, rigHead, rigData, rigEnd, rigFile, rigFail, rigLoadFail, rigFiles, rigForked, rigExited, rigShared = 1, 2, 3, 4, 5, 6,
		7, 8, 9, 10, 11, 12
)

// rigFrame is a frame from the worker.
type rigFrame struct {
	kind byte
	id   uint32
	head string
	body []byte
}

func (f rigFrame) String() string {
	return fmt.Sprintf("kind %d, id %d, head %q, body %.2000q", f.kind, f.id, f.head, f.body)
}

// decode decodes the body of a JSON frame.
func (f rigFrame) decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(f.body, v); err != nil {
		t.Fatalf("%v in %s", err, f)
	}
}

// tryRead reads a frame, or io.EOF.
func (r *rig) tryRead() (f rigFrame, err error) {
	r.t.Helper()
	if err := r.main.SetReadDeadline(time.Now().Add(rigPatience)); err != nil {
		r.t.Fatal(err)
	}
	h := make([]byte, 16)
	if _, err := io.ReadFull(r.main, h); err != nil {
		if errors.Is(err, unix.ECONNRESET) {
			err = io.EOF // it died with unread frames
		}
		return f, err
	}
	payload := make([]byte, binary.LittleEndian.Uint32(h))
	if _, err := io.ReadFull(r.main, payload); err != nil {
		return f, err
	}
	cut := binary.LittleEndian.Uint32(h[8:])
	return rigFrame{kind: h[12], id: binary.LittleEndian.Uint32(h[4:]), head: string(payload[:cut]), body: payload[cut:]}, nil
}

func (r *rig) read() rigFrame {
	r.t.Helper()
	f, err := r.tryRead()
	if err != nil {
		r.t.Fatalf("no frame: %v", err)
	}
	return f
}

// want reads a frame that must be of a kind.
func (r *rig) want(kind byte) rigFrame {
	r.t.Helper()
	f := r.read()
	if f.kind != kind {
		r.t.Fatalf("instead of kind %d came %s", kind, f)
	}
	return f
}

func rigEncode(kind, flags byte, id uint32, head, body []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(head)+len(body)))
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, kind, flags, 0, 0)
	return append(append(b, head...), body...)
}

func (r *rig) write(b []byte) {
	r.t.Helper()
	if err := r.main.SetWriteDeadline(time.Now().Add(rigPatience)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.main.Write(b); err != nil {
		r.t.Fatal(err)
	}
}

// rigReq is a request. What is empty gets the value of a plain one.
type rigReq struct {
	method, path, query string
	body                string
	file                bool   // the body comes by descriptor
	slot                slot   // of the arena
	inSlot              bool   // the body is there
	headers             string // "HTTP_A=1 HTTP_B=2"
}

func (q rigReq) environ() []byte {
	text := func(s string) string {
		if ascii := strings.IndexFunc(s, func(c rune) bool { return c > 127 }) < 0; ascii && len(s) < 256 {
			return "z" + string([]byte{byte(len(s))}) + s
		}
		return "u" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
	}
	if q.method == "" {
		q.method = "GET"
	}
	if q.path == "" {
		q.path = "/"
	}
	b := ")\x0f"
	for _, s := range []string{q.method, "/mount", q.path, q.query, q.path + "?" + q.query, "HTTP/1.1", "http", "192.0.2.7", "50000",
		"example.org", "8000"} {
		b += text(s)
	}
	if q.body != "" {
		b += text("text/plain") + text(strconv.Itoa(len(q.body)))
	} else {
		b += "NN"
	}
	b += text("test-1-1") + "{" + text("HTTP_HOST") + text("example.org:8000")
	for _, field := range strings.Fields(q.headers) {
		name, value, _ := strings.Cut(field, "=")
		b += text(name) + text(value)
	}
	return []byte(b + "0")
}

// encode returns the frame of a request.
func (r *rig) encode(q rigReq) []byte {
	r.lastID++
	flags, body := byte(0), []byte(q.body)
	switch {
	case q.file:
		flags, body = 1, nil
	case q.inSlot:
		copy(r.arena.bytes(q.slot), q.body)
		flags, body = 2, binary.LittleEndian.AppendUint32(nil, uint32(len(q.body)))
	}
	b := rigEncode(rigRequest, flags, r.lastID, q.environ(), body)
	binary.LittleEndian.PutUint16(b[14:], uint16(q.slot))
	return b
}

// send sends a request.
func (r *rig) send(q rigReq) {
	r.t.Helper()
	if q.file {
		f, err := os.CreateTemp(r.t.TempDir(), "")
		if err != nil {
			r.t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(q.body); err != nil {
			r.t.Fatal(err)
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			r.t.Fatal(err)
		}
		r.sendDescriptor(f)
	}
	r.write(r.encode(q))
}

// ask sends a request and reads the whole answer.
func (r *rig) ask(q rigReq) rigAnswer {
	r.t.Helper()
	r.send(q)
	a := r.answer()
	if a.kinds == "SHARED" {
		a.body = string(r.arena.bytes(q.slot)[:a.shared])
	}
	return a
}

// rigAnswer is a response, put together from its frames.
type rigAnswer struct {
	kinds   string // of its frames: "WHOLE", "HEAD DATA END", "FAIL" ...
	status  string
	headers string // "Name: value" lines joined with "; "
	body    string
	fail    struct {
		Error, Traceback string
		Debug            *struct {
			Frames []struct {
				File, Function string
				Line           int
				Source         [][2]any
			}
			Environ map[string]string
			Status  string
			Headers [][2]string
		}
	}
	offset uint64
	length int64
	file   *os.File
	shared int // bytes of the body that are in the request's slot
}

// answer reads the frames of the response to the last request.
func (r *rig) answer() rigAnswer {
	r.t.Helper()
	var a rigAnswer
	for {
		f := r.read()
		if f.id != r.lastID {
			r.t.Fatalf("a frame for request %d instead of %d: %s", f.id, r.lastID, f)
		}
		name := map[byte]string{
			rigWhole: "WHOLE", rigHead: "HEAD", rigData: "DATA", rigEnd: "END", rigFile: "FILE", rigFail: "FAIL", rigShared: "SHARED",
		}[f.kind]
		if name == "" {
			r.t.Fatalf("no frame of a response: %s", f)
		}
		a.kinds = strings.TrimSpace(a.kinds + " " + name)
		if f.head != "" {
			lines := strings.Split(strings.TrimSuffix(f.head, "\r\n"), "\r\n")
			a.status, a.headers = lines[0], strings.Join(lines[1:], "; ")
		}
		switch f.kind {
		case rigFail:
			f.decode(r.t, &a.fail)
		case rigFile:
			a.offset, a.length = binary.LittleEndian.Uint64(f.body), int64(binary.LittleEndian.Uint64(f.body[8:]))
			a.file = r.receiveDescriptor()
			if a.offset == 0 && a.length >= 0 {
				a.body = stored(r.t, a.file)
			}
		case rigShared:
			a.shared = int(binary.LittleEndian.Uint32(f.body))
		default:
			a.body += string(f.body)
		}
		if f.kind != rigHead && f.kind != rigData {
			return a
		}
	}
}

// stored returns what a temporary file of a worker has, and closes it.
func stored(t testing.TB, f *os.File) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<30))
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sendDescriptor sends the descriptor of f on DESC.
func (r *rig) sendDescriptor(f *os.File) {
	r.t.Helper()
	raw, err := r.desc.SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	var failure error
	err = raw.Write(func(fd uintptr) bool {
		failure = unix.Sendmsg(int(fd), []byte("d"), unix.UnixRights(int(f.Fd())), nil, 0)
		return !errors.Is(failure, unix.EAGAIN)
	})
	if err := errors.Join(err, failure); err != nil {
		r.t.Fatal(err)
	}
}

// receiveDescriptor takes the descriptor that must have come on DESC.
func (r *rig) receiveDescriptor() *os.File {
	r.t.Helper()
	raw, err := r.desc.SyscallConn()
	if err != nil {
		r.t.Fatal(err)
	}
	var n int
	var failure error
	oob := make([]byte, unix.CmsgSpace(4))
	err = raw.Control(func(fd uintptr) {
		_, n, _, _, failure = unix.Recvmsg(int(fd), make([]byte, 1), oob, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	})
	if err := errors.Join(err, failure); err != nil {
		r.t.Fatal(err)
	}
	messages, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil || len(messages) != 1 {
		r.t.Fatalf("%d messages: %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		r.t.Fatalf("%d descriptors: %v", len(fds), err)
	}
	f := os.NewFile(uintptr(fds[0]), "received")
	r.t.Cleanup(func() { _ = f.Close() })
	return f
}

// stop asks the worker to stop.
func (r *rig) stop() { r.write(rigEncode(rigStop, 0, 0, nil, nil)) }

// wait waits for the end of the worker and returns how it ended: "exit status 0", "signal: killed".
func (r *rig) wait() string {
	r.t.Helper()
	select {
	case <-r.exited:
	case <-time.After(rigPatience):
		r.t.Fatal("the worker does not end")
	}
	<-r.output.done
	return r.cmd.ProcessState.String()
}

// siteThatRefusesToMap returns a folder whose sitecustomize has the system have no memory for large mappings of files.
func siteThatRefusesToMap(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	const source = `
import mmap
real = mmap.mmap
def refusing(descriptor, size, *rest, **named):
    if size > 1 << 20:
        raise OSError(12, 'Cannot allocate memory')
    return real(descriptor, size, *rest, **named)
mmap.mmap = refusing
`
	if err := os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}
