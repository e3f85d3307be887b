//go:build linux

package gateway

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWorkerThreads: requests are answered beside each other, and each frame goes to its own.
func TestWorkerThreads(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		config := rigConfig(t, "spec:app")
		config.Threads = 3
		r := readyRig(t, python, config)
		gate := filepath.Join(t.TempDir(), "gate")
		r.write(r.encode(rigReq{path: "/gated", query: gate}))
		slow := r.lastID
		if f := r.want(rigHead); f.id != slow {
			t.Fatalf("got %s", f)
		}
		for range 20 { // while one waits
			if a := r.ask(rigReq{path: "/generator"}); a.body != "onetwo" {
				t.Errorf("beside it: %+v", a)
			}
		}
		if a := r.ask(rigReq{path: "/environ"}); !strings.Contains(a.body, "('wsgi.multithread', True)") {
			t.Errorf("the environ is %s", a.body)
		}
		openGate(t, gate)
		r.lastID = slow
		if a := r.answer(); a.body != "second" {
			t.Errorf("the slow one: %+v", a)
		}
	})
}

// TestWorkerThreadsMixed: many requests at once, whose frames and descriptors mix.
func TestWorkerThreadsMixed(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		config := rigConfig(t, "spec:app")
		config.Threads = 4
		r := readyRig(t, python, config)
		paths := []string{"/hello", "/big-block", "/raises", "/file-offset", "/generator", "/input-iterates"}
		const rounds = 8
		want := map[uint32]string{}
		go func() {
			var batch []byte
			for i := range uint32(rounds * len(paths)) {
				q := rigReq{path: paths[int(i)%len(paths)]}
				if q.path == "/input-iterates" {
					q.body = fmt.Sprintf("line %d\n", i+1)
				}
				batch = append(batch, rigEncode(rigRequest, 0, i+1, q.environ(), []byte(q.body))...)
			}
			if _, err := r.main.Write(batch); err != nil {
				t.Error(err)
			}
		}()
		size := map[uint32]int{}
		for left := rounds * len(paths); left > 0; {
			f := r.read()
			want[f.id] += fmt.Sprintf("%d ", f.kind)
			size[f.id] += len(f.body)
			switch f.kind {
			case rigFile:
				size[f.id] = len(stored(t, r.receiveDescriptor())) // in the order of their frames
				left--
			case rigWhole, rigEnd, rigFail:
				left--
			}
		}
		for id, kinds := range want {
			path := paths[int(id-1)%len(paths)]
			expected := map[string]string{"/hello": "2 ", "/big-block": "6 ", "/raises": "7 ", "/file-offset": "6 ",
				"/generator": "3 4 5 ", "/input-iterates": "2 "}[path]
			if kinds != expected || path == "/big-block" && size[id] != 3000000 {
				t.Errorf("%s, request %d: frames %s, %d bytes", path, id, kinds, size[id])
			}
		}
	})
}

// TestWorkerPreload: one process loads the application, and becomes as many workers as the server asks for.
func TestWorkerPreload(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		config := rigConfig(t, "life:app")
		config.Preload = true
		parent := readyRig(t, python, config)
		first, second := parent.fork(1), parent.fork(2)
		answers := map[string]bool{}
		for _, r := range []*rig{first, second} {
			pid, random, _ := strings.Cut(r.ask(rigReq{path: "/random"}).body, " ")
			if pid != fmt.Sprint(r.pid) {
				t.Errorf("process %s answers for %d", pid, r.pid)
			}
			if group, err := syscall.Getpgid(r.pid); err != nil || group != r.pid {
				t.Errorf("it is in group %d: %v", group, err)
			}
			answers[random] = true
			if a := r.ask(rigReq{path: "/child"}); a.body != "0 1 2 default" {
				t.Errorf("a child has %q", a.body)
			}
		}
		if len(answers) != 2 {
			t.Error("the two draw the same random number")
		}

		parent.write(rigEncode(rigList, 0, 0, nil, nil))
		if f := parent.want(rigFiles); !strings.Contains(string(f.body), "/life.py") {
			t.Errorf("the files are %s", f)
		}

		// The first is told to stop, the second ends by itself, the third with the server.
		first.stop()
		if got := parent.exitOfFork(); got != fmt.Sprintf("%d 0", first.pid) {
			t.Errorf("the first: %s", got)
		}
		<-first.output.done
		if !strings.Contains(first.output.String(), "a line of output\n") || !strings.Contains(first.output.String(), "atexit has run") {
			t.Errorf("it wrote %q", first.output)
		}
		second.send(rigReq{path: "/exit"})
		if got := parent.exitOfFork(); got != fmt.Sprintf("%d %d", second.pid, 9<<8) {
			t.Errorf("the second: %s", got)
		}
		third := parent.fork(3)
		if err := third.life.Close(); err != nil {
			t.Fatal(err)
		}
		if got := parent.exitOfFork(); got != fmt.Sprintf("%d %d", third.pid, syscall.SIGKILL) {
			t.Errorf("the third: %s", got)
		}
		shutdownWrite(t, parent.main)
		if state := parent.wait(); state != "exit status 0" {
			t.Errorf("the parent: %s", state)
		}
	})
}

// fork has a preload parent become another worker, and waits until that is ready.
func (r *rig) fork(number uint32) *rig {
	r.t.Helper()
	child, e := newRig(r.t)
	defer e.close()
	for _, f := range e.inOrder() {
		r.sendDescriptor(f)
	}
	r.write(rigEncode(rigFork, 0, number, nil, []byte(fmt.Sprintf(`{"worker": %d}`, number))))
	f := r.want(rigForked)
	var forked struct{ PID int }
	f.decode(r.t, &forked)
	if f.id != number || forked.PID == 0 {
		r.t.Fatalf("got %s", f)
	}
	child.pid = forked.PID
	var ready struct{ PID int }
	child.want(rigReady).decode(r.t, &ready)
	if ready.PID != child.pid {
		r.t.Errorf("process %d says that it is %d", child.pid, ready.PID)
	}
	r.t.Cleanup(func() { _ = syscall.Kill(child.pid, syscall.SIGKILL) }) // most have ended
	return child
}

// exitOfFork reads the end of a forked worker: its pid and wait status.
func (r *rig) exitOfFork() string {
	r.t.Helper()
	var exited struct{ PID, Status int }
	r.want(rigExited).decode(r.t, &exited)
	return fmt.Sprint(exited.PID, exited.Status)
}
