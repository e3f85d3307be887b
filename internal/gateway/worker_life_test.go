//go:build linux

package gateway

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWorkerReady: what a worker says of itself.
func TestWorkerReady(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		r := startRig(t, python, rigConfig(t, "spec:app"))
		var ready map[string]any
		r.want(rigReady).decode(t, &ready)
		file, err := filepath.Abs("testdata/worker/spec.py")
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]any{"pid": float64(r.cmd.Process.Pid), "implementation": "CPython",
			"app": "spec:app", "codec": "marshal", "file": file} {
			if ready[key] != want {
				t.Errorf("%s is %v, not %v", key, ready[key], want)
			}
		}
		for _, key := range []string{"python", "executable", "free_threaded"} {
			if ready[key] == nil {
				t.Errorf("%s is missing", key)
			}
		}
	})
}

// TestWorkerPlainCodec: a worker whose interpreter does not decode the sample asks for the other codec, and reads it.
func TestWorkerPlainCodec(t *testing.T) {
	config := rigConfig(t, "spec:app")
	config.Sample = []byte("\xff no marshal data")
	r := startRig(t, python3(t), config)
	var ready struct{ Codec string }
	r.want(rigReady).decode(t, &ready)
	if ready.Codec != "plain" {
		t.Fatalf("the codec is %q", ready.Codec)
	}
	var blob []byte
	for _, value := range []string{"GET", "", "/environ", "caf\xe9", "/environ", "HTTP/1.1", "http", "192.0.2.7", "1", "h", "80", "-", "-", "test-1-1",
		"HTTP_HOST", "example.org"} {
		if value == "-" {
			blob = append(blob, 0xff, 0xff, 0xff, 0xff)
			continue
		}
		blob = append(append(blob, byte(len(value)), 0, 0, 0), value...)
	}
	r.lastID = 1
	r.write(rigEncode(rigRequest, 0, 1, blob, nil))
	a := r.answer()
	for _, want := range []string{"('HTTP_HOST', 'example.org')", "('QUERY_STRING', 'caf\u00e9')", "('REMOTE_PORT', '1')"} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	if strings.Contains(a.body, "CONTENT_") {
		t.Errorf("CONTENT_ in %s", a.body)
	}
}

// TestWorkerBatch: requests that come together, cut at any byte, are answered each and in order.
func TestWorkerBatch(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	var batch []byte
	paths := []string{"/hello", "/generator", "/raises", "/input-iterates", "/file", "/hello"}
	requests := 300
	for i := range requests {
		q := rigReq{path: paths[i%len(paths)]}
		if q.path == "/input-iterates" {
			q.body = strings.Repeat("line\n", i)
		}
		batch = append(batch, r.encode(q)...)
	}
	go func() {
		for len(batch) > 0 { // pieces of all sizes
			n := min(len(batch), 1+len(batch)%977)
			if _, err := r.main.Write(batch[:n]); err != nil {
				t.Error(err)
				return
			}
			batch = batch[n:]
		}
	}()
	want := []string{"WHOLE hello", "HEAD DATA END onetwo", "FAIL ", "", "FILE ", "WHOLE hello"}
	r.lastID = 0
	for i := range requests {
		r.lastID++
		a := r.answer()
		if a.file != nil {
			_ = a.file.Close()
		}
		got := a.kinds + " " + a.body
		if paths[i%len(paths)] == "/input-iterates" {
			got = ""
			if n := strings.Count(a.body, `b'line\n'`); n != i {
				t.Errorf("request %d: %d lines came", i, n)
			}
		}
		if got != want[i%len(want)] {
			t.Errorf("request %d: %s", i, got)
		}
	}
}

// TestWorkerLargeFrame: a frame may be larger than the buffer, and the next are smaller again.
func TestWorkerLargeFrame(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	for range 2 {
		body := strings.Repeat("0123456789abcde\n", 1<<16)
		a := r.ask(rigReq{path: "/input-iterates", body: body})
		if n := strings.Count(a.body, "0123456789abcde"); n != 1<<16 {
			t.Errorf("%d lines of %d came", n, 1<<16)
		}
		if a := r.ask(rigReq{path: "/hello"}); a.body != "hello" {
			t.Errorf("after it: %+v", a)
		}
	}
}

// TestWorkerStop: STOP and the end of MAIN let a worker finish what it has, and run what the application left for the end.
func TestWorkerStop(t *testing.T) {
	for _, threads := range []int{1, 3} {
		for _, how := range []string{"STOP", "end of MAIN"} {
			t.Run(how, func(t *testing.T) {
				config := rigConfig(t, "life:app")
				config.Threads = threads
				r := readyRig(t, python3(t), config)
				var batch []byte
				for range 5 {
					batch = append(batch, r.encode(rigReq{path: "/"})...)
				}
				if how == "STOP" {
					batch = append(batch, rigEncode(rigStop, 0, 0, nil, nil)...)
				}
				r.write(batch)
				if how != "STOP" {
					shutdownWrite(t, r.main)
				}
				for range 5 {
					r.want(rigWhole)
				}
				if state := r.wait(); state != "exit status 0" {
					t.Errorf("it ends with %s", state)
				}
				if !strings.Contains(r.output.String(), "atexit has run") {
					t.Error("atexit has not run")
				}
			})
		}
	}
}

// TestWorkerBreach: a worker that does not understand the server ends, and says so.
func TestWorkerBreach(t *testing.T) {
	for name, b := range map[string][]byte{
		"unknown kind": rigEncode(99, 0, 0, nil, nil),
		"too large":    {0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0},
		"head too big": {1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0},
		"FORK":         rigEncode(rigFork, 0, 1, nil, []byte("{}")),
	} {
		for _, threads := range []int{1, 2} {
			config := rigConfig(t, "life:app")
			config.Threads = threads
			r := readyRig(t, python3(t), config)
			r.write(b)
			if state := r.wait(); state != "exit status 70" || !strings.Contains(r.output.String(), "highball: worker: a frame of ") {
				t.Errorf("%s: %s, %q", name, state, r.output)
			}
		}
	}
}

// TestWorkerFiles: the list has the files of all modules, the application's and the library's.
func TestWorkerFiles(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	r.write(rigEncode(rigList, 0, 0, nil, nil))
	var files []string
	r.want(rigFiles).decode(t, &files)
	for _, suffix := range []string{"/testdata/worker/spec.py", "/json/decoder.py"} {
		if !strings.Contains(strings.Join(files, "\n")+"\n", suffix+"\n") {
			t.Errorf("no %s in %q", suffix, files)
		}
	}
	for _, file := range files {
		if _, err := os.Stat(file); err != nil {
			t.Error(err)
		}
	}
}

// TestWorkerDebug: in debug mode a failure comes with all that a developer wants to see.
func TestWorkerDebug(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		config := rigConfig(t, "spec:app")
		config.Debug = true
		r := readyRig(t, python, config)
		a := r.ask(rigReq{path: "/raises-started", query: "q=1"})
		d := a.fail.Debug
		if d == nil || len(d.Frames) != 2 {
			t.Fatalf("got %+v", a)
		}
		if d.Status != "299 Begun" || len(d.Headers) != 1 || d.Headers[0] != [2]string{"X-Begun", "yes"} {
			t.Errorf("the response so far: %q %q", d.Status, d.Headers)
		}
		if d.Environ["QUERY_STRING"] != "'q=1'" {
			t.Errorf("the environ: %q", d.Environ)
		}
		frame := d.Frames[1]
		source, err := json.Marshal(frame.Source)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(frame.File, "/spec.py") || frame.Function != "raises_started" || len(frame.Source) != 5 ||
			!strings.Contains(string(source), "raise ValueError('after start_response')") {
			t.Errorf("the innermost frame: %+v", frame)
		}
	})
}

// TestWorkerTraceback: causes are shown, and frames are the user's only.
func TestWorkerTraceback(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	text := r.ask(rigReq{path: "/raises-caused"}).fail.Traceback
	for _, want := range []string{"KeyError: 'inner'", "direct cause", "ValueError: outer", "in raises_caused", "in app"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if text := r.ask(rigReq{path: "/raises-deep"}).fail.Traceback; strings.Count(text, "\n") > 500 {
		t.Errorf("a traceback of %d lines", strings.Count(text, "\n"))
	}
}

// TestWorkerInheritance: a program that the application starts has none of the worker's descriptors, and its usual signals.
func TestWorkerInheritance(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "life:app"))
	if a := r.ask(rigReq{path: "/child"}); a.body != "0 1 2 default" {
		t.Errorf("a child has %q", a.body)
	}
}

// TestWorkerInterrupt: SIGINT, which a terminal sends to all, is for the server alone.
func TestWorkerInterrupt(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	if err := r.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if a := r.ask(rigReq{path: "/hello"}); a.body != "hello" {
		t.Errorf("got %+v", a)
	}
}

// TestWorkerLife: when the server is gone, a worker is too, whatever it does.
func TestWorkerLife(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills for a closed socket")
	}
	for _, path := range []string{"/sleeps", "/holds-gil", ""} {
		for _, threads := range []int{1, 2} {
			config := rigConfig(t, "spec:app")
			config.Threads = threads
			r := readyRig(t, python3(t), config)
			if path != "" {
				r.send(rigReq{path: "/hello"})
				r.answer()
				r.send(rigReq{path: path})
				r.stacksUntil(strings.TrimPrefix(strings.ReplaceAll(path, "-", "_"), "/"))
			}
			begun := time.Now()
			if err := r.life.Close(); err != nil {
				t.Fatal(err)
			}
			if state := r.wait(); state != "signal: killed" {
				t.Errorf("%s, %d threads: %s", path, threads, state)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("%s, %d threads: it took %s", path, threads, took)
			}
		}
	}
}

// stacksUntil waits until the application is about to begin what takes for ever, and asks for the stacks of the worker's threads
// until one has a function; it returns them. Not before: to look at a thread that runs meanwhile may end the interpreter.
func (r *rig) stacksUntil(function string) string {
	r.t.Helper()
	for end := time.Now().Add(rigPatience); !strings.Contains(r.output.String(), "about to begin"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatal("the application did not begin")
		}
	}
	lines := bufio.NewScanner(r.stack)
	var text strings.Builder
	if err := r.stack.SetReadDeadline(time.Now().Add(rigPatience)); err != nil {
		r.t.Fatal(err)
	}
	signal := func() {
		if err := r.cmd.Process.Signal(syscall.Signal(stackSignal)); err != nil {
			r.t.Fatal(err)
		}
	}
	signal()
	for lines.Scan() {
		text.WriteString(lines.Text() + "\n")
		if strings.HasSuffix(lines.Text(), "in "+function) {
			return text.String()
		}
		if strings.HasSuffix(lines.Text(), `File "<string>", line 1 in <module>`) {
			signal() // the end of the main thread's: it is not there yet
		}
	}
	r.t.Fatalf("no %s in:\n%s", function, text.String())
	return ""
}

// TestWorkerStacks: the stacks come while the application sleeps, and while it holds the interpreter's lock.
func TestWorkerStacks(t *testing.T) {
	if stackSignal == 0 {
		t.Skip("there are no stacks here")
	}
	eachPython(t, func(t *testing.T, python string) {
		for _, path := range []string{"/sleeps", "/holds-gil"} {
			r := readyRig(t, python, rigConfig(t, "spec:app"))
			r.send(rigReq{path: path})
			r.stacksUntil(strings.TrimPrefix(strings.ReplaceAll(path, "-", "_"), "/"))
		}
	})
}

// TestWorkerHeaderChurn: names and values that never come again leave nothing behind.
func TestWorkerHeaderChurn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("memory is read from /proc")
	}
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	memory := func(n string) (bytes int) {
		if err := json.Unmarshal([]byte(r.ask(rigReq{path: "/churn", query: n}).body), &bytes); err != nil {
			t.Fatal(err)
		}
		return bytes
	}
	before := memory("20000")
	if grown := memory("100000") - before; grown > 4<<20 {
		t.Errorf("100,000 names have left %d bytes", grown)
	}

	// The same for the names of the request.
	ask := func(n int) int {
		for i := range n {
			name := "HTTP_X_" + strings.Repeat("N", 10) + string(rune('A'+i%26)) + time.Duration(i).String()
			if i%100 == 0 {
				r.ask(rigReq{path: "/hello", headers: name + "=1"})
			} else {
				r.send(rigReq{path: "/hello", headers: name + "=1"})
				r.answer()
			}
		}
		return memory("0")
	}
	before = ask(1000)
	if grown := ask(10000) - before; grown > 1<<20 {
		t.Errorf("10,000 names of requests have left %d bytes", grown)
	}
}

func shutdownWrite(t *testing.T, f *os.File) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failure error
	if err := raw.Control(func(fd uintptr) { failure = syscall.Shutdown(int(fd), syscall.SHUT_WR) }); err != nil || failure != nil {
		t.Fatal(err, failure)
	}
}
