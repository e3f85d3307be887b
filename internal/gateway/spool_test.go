package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"highball"
	"highball/internal/servertest"
)

// spoolHandler answers each request by the spool that the test has sent, and sends its error back.
type spoolHandler struct {
	spools chan *spool
	errs   chan error
	ctx    context.Context // nil is the request's
}

func (h *spoolHandler) Serve(w *highball.Response, r *highball.Request) error {
	ctx := h.ctx
	if ctx == nil {
		ctx = r.Context()
	}
	err := (<-h.spools).writeTo(ctx, w)
	h.errs <- err
	return err
}

func newSpoolHandler() *spoolHandler {
	return &spoolHandler{spools: make(chan *spool, 1), errs: make(chan error, 1)}
}

// serveSpool sends what s has, up to its end, to a client, and returns what that gets and the handler's error. The test fails
// unless the client sees whether it has got everything.
func serveSpool(t *testing.T, d servertest.Driver, s *spool) (body string, err error) {
	t.Helper()
	h := newSpoolHandler()
	c := servertest.New(t, d, &highball.Server{Handler: h}).Dial(t)
	h.spools <- s
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	raw := c.Rest()
	err = <-h.errs
	head, chunks, _ := strings.Cut(raw, "\r\n\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 200 ") || !strings.Contains(head, "Transfer-Encoding: chunked") {
		t.Fatalf("the head is %q", head)
	}
	for chunks != "" {
		line, rest, _ := strings.Cut(chunks, "\r\n")
		n, sizeErr := strconv.ParseInt(line, 16, 32)
		if sizeErr != nil || int(n)+2 > len(rest) {
			t.Fatalf("a chunk of %q in %d bytes", line, len(rest))
		}
		body += rest[:n]
		chunks = rest[n+2:]
		if n == 0 {
			if err != nil {
				t.Errorf("the handler has returned %v, and the client sees the end", err)
			}
			return body, err
		}
	}
	if err == nil {
		t.Error("the client does not see the end")
	}
	return body, err
}

// settle waits until what was put is stored, or cannot be.
func (s *spool) settle(t *testing.T) {
	t.Helper()
	servertest.Eventually(t, "all is stored", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return !s.storing
	})
}

// settling waits until what was put is being stored.
func (s *spool) settling(t *testing.T) {
	t.Helper()
	servertest.Eventually(t, "the disk is at work", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.behind == nil
	})
}

// mustPut puts text.
func (s *spool) mustPut(t *testing.T, text string) {
	t.Helper()
	if err := s.put([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// slowDisk is where making a file takes until disk gets a token, or is closed.
func slowDisk() (disk chan struct{}, watched *watchedScratch) {
	disk = make(chan struct{}, 1)
	return disk, &watchedScratch{create: func() (*os.File, error) {
		<-disk
		return new(scratch).create()
	}}
}

func neverFull(t *testing.T) func(bool) {
	return func(bool) { t.Error("full was called") }
}

// Whatever is put, and whenever, arrives; no more memory is used than is allowed, and no file is left.
func TestSpoolProperty(t *testing.T) {
	body := pattern(100_000)
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		h := newSpoolHandler()
		srv := servertest.New(t, d, &highball.Server{Handler: h})
		c := srv.Dial(t)
		rapid.Check(t, func(r *rapid.T) {
			watched := new(watchedScratch)
			paused := false
			s := newSpool(func(full bool) {
				if full == paused {
					r.Errorf("full is called twice with %t", full)
				}
				paused = full
			})
			s.scratch = watched.scratch()
			s.memory = rapid.IntRange(0, 3000).Draw(r, "memory")
			s.file = rapid.Int64Range(1, 5000).Draw(r, "file")
			s.highWater = rapid.Int64Range(1, 20_000).Draw(r, "highWater")
			before := rapid.IntRange(0, 15).Draw(r, "putsBeforeConsumer")
			sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 10), rapid.IntRange(0, 4000)), 0, 15).Draw(r, "sizes")
			want := 0
			for i, n := range sizes {
				if i == before {
					h.spools <- s
					c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
				}
				if err := s.put([]byte(body[want : want+n])); err != nil {
					r.Fatal(err)
				}
				want += n
				s.mu.Lock()
				if held := len(s.mem) + s.taken; held > s.memory {
					r.Errorf("%d bytes are in memory, against a limit of %d", held, s.memory)
				}
				s.mu.Unlock()
			}
			s.end(nil)
			if len(sizes) <= before {
				h.spools <- s
				c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			}
			if got := c.Receive("GET"); got.Body != body[:want] {
				r.Errorf("%d bytes arrive of %d", len(got.Body), want)
			}
			if err := <-h.errs; err != nil {
				r.Error(err)
			}
			if _, open := watched.count(); open > 0 || paused || len(s.mem) > 0 {
				r.Errorf("%d files are open, paused is %t, %d bytes are kept", open, paused, len(s.mem))
			}
		})
	})
}

// Each block of a stream reaches the client before the next one is made.
func TestSpoolWithoutDelay(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, memory := range map[string]int{"memory": spoolMemory, "file": 0} {
			watched := new(watchedScratch)
			s := newSpool(neverFull(t))
			s.scratch, s.memory = watched.scratch(), memory
			h := newSpoolHandler()
			c := servertest.New(t, d, &highball.Server{Handler: h}).Dial(t)
			h.spools <- s
			c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if err := c.SetReadDeadline(time.Now().Add(c.Patience)); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(c.Conn)
			for i := range 5 {
				block := fmt.Sprintf("block %d", i)
				s.mustPut(t, block)
				for {
					line, err := in.ReadString('\n')
					if err != nil {
						t.Fatalf("%s: %q does not arrive: %v", name, block, err)
					}
					if line == block+"\r\n" {
						break
					}
				}
			}
			s.end(nil)
			if line, err := in.ReadString('\n'); line != "0\r\n" {
				t.Errorf("%s: the end is %q, %v", name, line, err)
			}
			if err := <-h.errs; err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, open := watched.count(); open > 0 {
				t.Errorf("%s: %d files are open", name, open)
			}
		}
	})
}

// A short response that is complete when its turn comes is sent with its length.
func TestSpoolOfCompleteResponse(t *testing.T) {
	s := newSpool(neverFull(t))
	for _, block := range []string{"hello", ", ", "world"} {
		s.mustPut(t, block)
	}
	s.end(nil)
	h := newSpoolHandler()
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	h.spools <- s
	if r := c.Get("/"); r.Value("Content-Length") != "12" || r.Body != "hello, world" {
		t.Errorf("%+v", r)
	}
}

// The client gets what came before a failure, and sees that it is not all.
func TestSpoolEndsWithError(t *testing.T) {
	failure := errors.New("the worker has died")
	s := newSpool(neverFull(t))
	s.mustPut(t, pattern(10_000))
	s.end(failure)
	s.end(nil)
	s.mustPut(t, "late")
	if body, err := serveSpool(t, servertest.Loop, s); body != pattern(10_000) || !errors.Is(err, failure) {
		t.Errorf("%d bytes, error %v", len(body), err)
	}
}

func TestSpoolHEAD(t *testing.T) {
	s := newSpool(neverFull(t))
	s.memory = 100
	for range 3 {
		s.mustPut(t, pattern(90))
	}
	s.end(nil)
	h := newSpoolHandler()
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	h.spools <- s
	c.Send("HEAD / HTTP/1.1\r\nHost: test\r\n\r\n")
	if r := c.Receive("HEAD"); r.Status != 200 || r.Body != "" {
		t.Errorf("%+v", r)
	}
	if err := <-h.errs; err != nil {
		t.Error(err)
	}
}

// What was abandoned takes no more room, and a producer that waits for room goes on.
func TestSpoolAbandoned(t *testing.T) {
	watched := new(watchedScratch)
	var calls []bool
	s := newSpool(func(full bool) { calls = append(calls, full) })
	s.scratch, s.memory, s.highWater = watched.scratch(), 100, 1000
	put := func() {
		s.mustPut(t, pattern(600))
		s.settle(t)
	}
	put()
	put()
	s.abandon()
	s.abandon()
	put()
	s.end(nil)
	if made, open := watched.count(); made != 1 || open != 0 || fmt.Sprint(calls) != "[true false]" {
		t.Errorf("%d files made, %d open, full was called with %v", made, open, calls)
	}
	if err := s.writeTo(context.Background(), nil); err != highball.ErrAbort {
		t.Errorf("the consumer gets %v", err)
	}
}

// A consumer that waits ends when the spool is abandoned, and when its context does.
func TestSpoolConsumerIsWoken(t *testing.T) {
	cause := errors.New("a cause")
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for name, want := range map[string]error{"abandoned": highball.ErrAbort, "context": cause} {
			watched := new(watchedScratch)
			s := newSpool(neverFull(t))
			s.scratch, s.memory = watched.scratch(), 2
			h := newSpoolHandler()
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			h.ctx = ctx
			c := servertest.New(t, d, &highball.Server{Handler: h}).Dial(t)
			h.spools <- s
			c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			s.mustPut(t, "hello")
			servertest.Eventually(t, "the consumer to catch up", func() bool {
				s.mu.Lock()
				defer s.mu.Unlock()
				return s.waiting == 0
			})
			if name == "abandoned" {
				s.abandon()
			} else {
				cancel(cause)
			}
			if err := <-h.errs; err != want {
				t.Errorf("%s: %v", name, err)
			}
			if err := s.put([]byte("late")); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if made, open := watched.count(); made != 1 || open > 0 {
				t.Errorf("%s: %d files made, %d open", name, made, open)
			}
		}
	})
}

// A disk that is slow keeps the producer waiting by full only, and only when much is to be written.
func TestSpoolOnASlowDisk(t *testing.T) {
	disk, watched := slowDisk()
	calls := make(chan bool, 10)
	s := newSpool(func(full bool) { calls <- full })
	s.scratch, s.memory = watched.scratch(), 100
	body := pattern(spoolBehind)
	s.mustPut(t, body[:200])
	s.settling(t)
	s.mustPut(t, body[:spoolBehind-1])
	if len(calls) > 0 {
		t.Error("full was called though there is room")
	}
	s.mustPut(t, body[:1])
	if len(calls) != 1 || !<-calls {
		t.Error("full was not called, or not with true")
	}
	s.end(nil)
	close(disk)
	if got, err := serveSpool(t, servertest.Loop, s); got != body[:200]+body[:spoolBehind-1]+body[:1] || err != nil {
		t.Errorf("the client gets %d bytes, %v", len(got), err)
	}
	if len(calls) != 1 || <-calls {
		t.Error("full was not called again, or not with false")
	}
	if _, open := watched.count(); open > 0 {
		t.Errorf("%d files are open", open)
	}
}

// What is stored is sent while more is being stored.
func TestSpoolSendsWhileItStores(t *testing.T) {
	disk, watched := slowDisk()
	s := newSpool(neverFull(t))
	s.scratch, s.memory, s.file = watched.scratch(), 0, 1
	s.mustPut(t, "first")
	s.settling(t)
	s.mustPut(t, "second")
	disk <- struct{}{}
	servertest.Eventually(t, "the consumer is woken", func() bool { return len(s.wake) == 1 })
	s.settling(t)
	if b, found := s.next(); found != foundBatch || b.n != int64(len("first")) {
		t.Errorf("found %d, %d bytes", found, b.n)
	}
	disk <- struct{}{}
	s.settle(t)
	s.abandon()
}

// A file that more is being written to stays open though all that it has was sent, and no longer than that.
func TestSpoolKeepsTheFileThatIsWritten(t *testing.T) {
	watched := new(watchedScratch)
	s := newSpool(neverFull(t))
	s.scratch, s.memory = watched.scratch(), 0
	s.mustPut(t, "something")
	s.settle(t)
	s.mu.Lock()
	s.storing = true // as when something is behind
	s.mu.Unlock()
	b, found := s.next()
	if found != foundBatch {
		t.Fatalf("found %d", found)
	}
	s.sent(b)
	if _, open := watched.count(); open != 1 {
		t.Errorf("%d files are open while one is written to", open)
	}
	if _, found := s.next(); found != foundNothing {
		t.Errorf("found %d while something is stored", found)
	}
	s.store()
	if _, open := watched.count(); open != 0 {
		t.Errorf("%d files are open when all is stored and sent", open)
	}
}

// What was abandoned while the disk was at work is dropped when that is done.
func TestSpoolAbandonedOnASlowDisk(t *testing.T) {
	for name, before := range map[string]int{"the first file": 0, "another file": 1} {
		disk, watched := slowDisk()
		s := newSpool(neverFull(t))
		s.scratch, s.memory, s.file = watched.scratch(), 0, 1
		for range before {
			disk <- struct{}{}
			s.mustPut(t, "something")
			s.settle(t)
		}
		s.mustPut(t, "something")
		s.settling(t)
		s.abandon()
		s.mustPut(t, "something")
		if _, open := watched.count(); open != before {
			t.Errorf("%s: %d files are open while one is made", name, open)
		}
		disk <- struct{}{}
		s.settle(t)
		if made, open := watched.count(); made != before+1 || open > 0 {
			t.Errorf("%s: %d files made, %d open", name, made, open)
		}
	}
}

// A client that leaves while it has not got everything leaves nothing behind.
func TestSpoolOfClientThatLeaves(t *testing.T) {
	watched := new(watchedScratch)
	s := newSpool(func(bool) {})
	s.scratch = watched.scratch()
	h := newSpoolHandler()
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	h.spools <- s
	block := []byte(pattern(1 << 20))
	for range 20 { // more than sockets hold
		if err := s.put(block); err != nil {
			t.Fatal(err)
		}
	}
	c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if _, err := c.Conn.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	c.Reset()
	if err := <-h.errs; err == nil {
		t.Error("the consumer has noticed nothing")
	}
	s.settle(t)
	if _, open := watched.count(); open > 0 {
		t.Errorf("%d files are open", open)
	}
}

// The disk has what waits and little more: a file that was sent is closed though others wait. None is written to again, since
// the system may still be sending from it.
func TestSpoolFiles(t *testing.T) {
	watched := new(watchedScratch)
	var calls []bool
	s := newSpool(func(full bool) { calls = append(calls, full) })
	s.scratch, s.memory, s.file, s.highWater = watched.scratch(), 0, 100, 1000
	expect := func(when string, wantMade, wantOpen int, wantCalls string) {
		t.Helper()
		if made, open := watched.count(); made != wantMade || open != wantOpen || fmt.Sprint(calls) != wantCalls {
			t.Errorf("%s: %d files made, %d open, full was called with %v", when, made, open, calls)
		}
	}
	send := func() {
		t.Helper()
		b, found := s.next()
		if found != foundBatch || b.n != 100 {
			t.Fatalf("found %d, %d bytes", found, b.n)
		}
		s.sent(b)
	}
	put := func(n int) {
		t.Helper()
		s.mustPut(t, pattern(n))
		s.settle(t)
	}
	for range 19 {
		put(50)
	}
	expect("below the high water", 10, 10, "[]")
	put(50)
	expect("at the high water", 10, 10, "[true]")
	send()
	send()
	expect("above three quarters", 10, 8, "[true]")
	send()
	expect("below three quarters", 10, 7, "[true false]")
	for range 7 {
		send()
	}
	expect("all was sent", 10, 0, "[true false]")
	if _, found := s.next(); found != foundNothing {
		t.Errorf("found %d", found)
	}
	put(4)
	expect("more comes", 11, 1, "[true false]")
	s.abandon()
	expect("at the end", 11, 0, "[true false]")
}

func BenchmarkSpool(b *testing.B) {
	block := []byte(strings.Repeat("x", 64<<10))
	s := newSpool(func(bool) {})
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.put(block); err != nil {
			b.Fatal(err)
		}
		batch, _ := s.next()
		s.sent(batch)
	}
}
