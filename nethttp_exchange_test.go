package highball_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
)

// within fails the test when nothing comes in time.
func within[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
	}
	return v
}

// TestFromHTTPContinue has "100 Continue" sent by the first read of the body, by WriteHeader(100), or not at all.
func TestFromHTTPContinue(t *testing.T) {
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/refuse":
			w.WriteHeader(403)
			return
		case "/explicit":
			w.WriteHeader(100)
		}
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", b, err)
	}))
	for _, e := range endpoints {
		for _, path := range []string{"/", "/explicit", "/refuse"} {
			c := dial(t, e)
			c.send(t, "POST "+path+" HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
			if path == "/refuse" {
				if got := c.receive("POST"); got.Status != 403 || len(got.Interim) != 0 || !got.Close {
					t.Errorf("%s: a body that is not wanted is answered by %+v", e.name, got)
				}
				continue
			}
			line, err := c.in.ReadString('\n')
			if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("%s: before the body comes %q, %v", e.name, line, err)
			}
			if line, err = c.in.ReadString('\n'); err != nil || line != "\r\n" {
				t.Fatalf("%s: 100 has a field %q, %v", e.name, line, err)
			}
			c.send(t, "hello")
			if got := c.receive("POST"); got.Body != "hello <nil>" || len(got.Interim) != 0 {
				t.Errorf("%s: the answer is %+v", e.name, got)
			}
		}
	}
}

// TestFromHTTPHijack has a handler speak another protocol, with bytes that came with the request.
func TestFromHTTPHijack(t *testing.T) {
	upgrade := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", "echo")
			w.WriteHeader(101)
		}
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		if _, err := w.Write([]byte("x")); err != http.ErrHijacked {
			t.Errorf("a write after Hijack returned %v", err)
		}
		if _, _, err := w.(http.Hijacker).Hijack(); err != http.ErrHijacked {
			t.Errorf("a second Hijack returned %v", err)
		}
		if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Error(err)
		}
		if r.URL.Path != "/begun" {
			rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
			if err := rw.Flush(); err != nil {
				t.Error(err)
			}
		}
		// Where nothing was sent early, the client's answer to 101 may have arrived all the same.
		if _, early := r.URL.Query()["early"]; early && rw.Reader.Buffered() == 0 {
			t.Error("what came with the request is not buffered")
		}
		for {
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			rw.WriteString("echo " + line)
			if err := rw.Flush(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, e := range allServers(t, http.HandlerFunc(upgrade)) {
		for _, target := range []string{"/", "/begun", "/?early", "/begun?early"} {
			c := dial(t, e)
			raw := "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
			early := strings.HasSuffix(target, "early")
			if early {
				raw += "first\n"
			}
			c.send(t, raw)
			if got := c.receive("GET"); got.Status != 101 || got.Header.Get("Upgrade") != "echo" {
				t.Fatalf("%s: %s is answered by %+v", e.name, target, got)
			}
			want := "echo second\n"
			if early {
				want = "echo first\n" + want
			}
			c.send(t, "second\n")
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c.in, got); err != nil || string(got) != want {
				t.Errorf("%s: %s echoes %q, %v", e.name, target, got, err)
			}
			if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Error(err)
			}
			if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil {
				t.Errorf("%s: at the end come %q, %v", e.name, rest, err)
			}
		}
	}
}

// TestHijackedConnectionIsForgotten shuts the server down while a hijacked connection lives on, and the slots of others
// are used again while its handler still runs.
func TestHijackedConnectionIsForgotten(t *testing.T) {
	for _, dress := range []func(net.Listener) net.Listener{
		func(l net.Listener) net.Listener { return l },
		func(l net.Listener) net.Listener { return plainListener{l} },
	} {
		release, returned := make(chan struct{}), make(chan struct{})
		srv := &highball.Server{Loops: 1, Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			if r.Path() != "/hijack" {
				_, err := w.WriteString(r.Path())
				return err
			}
			defer close(returned)
			ctx, from := r.Context(), r.RemoteAddr()
			nc, _, err := w.Hijack()
			if err != nil {
				t.Error(err)
				return err
			}
			defer nc.Close()
			if _, err := io.WriteString(nc, "mine\n"); err != nil {
				t.Error(err)
			}
			<-release
			if err := w.Flush(); !errors.Is(err, highball.ErrHijacked) {
				t.Errorf("Flush returned %v", err)
			}
			if _, err := r.Body().Read(make([]byte, 1)); !errors.Is(err, highball.ErrHijacked) {
				t.Errorf("reading the body returned %v", err)
			}
			if r.RemoteAddr() != from || ctx.Err() != nil {
				t.Errorf("the client is %v and was %v; its context says %v", r.RemoteAddr(), from, ctx.Err())
			}
			_, err = io.WriteString(nc, "still mine\n")
			return err
		})}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- srv.Serve(dress(l)) }()
		e := endpoint{"server", l.Addr().String()}
		c := dial(t, e)
		c.send(t, get("/hijack", ""))
		if line, err := c.in.ReadString('\n'); line != "mine\n" {
			t.Fatal(line, err)
		}
		for i := range 20 {
			if got := ask(t, e, get(fmt.Sprint("/", i), "")); got.Body != fmt.Sprint("/", i) {
				t.Fatalf("another client gets %+v", got)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := srv.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		cancel()
		<-done
		close(release)
		if line, err := c.in.ReadString('\n'); line != "still mine\n" {
			t.Errorf("after Shutdown the client reads %q, %v", line, err)
		}
		within(t, "the handler's return", returned)
		if rest, err := io.ReadAll(c.in); len(rest) > 0 || err != nil {
			t.Errorf("at the end come %q, %v", rest, err)
		}
	}
}

// TestFromHTTPAbort panics before and after the head has left: the client must not see a whole answer.
func TestFromHTTPAbort(t *testing.T) {
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "part")
		if r.URL.Path == "/begun" {
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	for _, path := range []string{"/", "/begun"} {
		if got := sameEverywhere(t, get(path, ""), endpoints); got.Err != "cut" {
			t.Errorf("%s is answered by %+v", path, got)
		}
	}
}

// TestFromHTTPClientLeaves waits, in various ways, for a context to end when the client closes.
func TestFromHTTPClientLeaves(t *testing.T) {
	type key struct{}
	waiting, left := make(chan struct{}, 1), make(chan error, 1)
	endpoints := allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		switch r.URL.Path {
		case "/derived":
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(context.WithValue(ctx, key{}, "v"), time.Hour)
			defer cancel()
		case "/other":
			got := make(chan struct{})
			context.AfterFunc(ctx, func() { close(got) })
			waiting <- struct{}{}
			<-got
			left <- ctx.Err()
			return
		case "/early":
			_ = ctx.Done() // before the body is read
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Error(err)
		}
		waiting <- struct{}{}
		<-ctx.Done()
		left <- ctx.Err()
	}))
	for _, e := range endpoints {
		for _, raw := range []string{
			get("/", ""), get("/derived", ""), get("/other", ""), post("/", "Content-Length: 5\r\n", "hello"),
			post("/early", "Content-Length: 5\r\n", "hello"), post("/early", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n"),
		} {
			c := dial(t, e)
			c.send(t, raw)
			within(t, "the request", waiting)
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if err := within(t, e.name+": "+firstLine(raw)+": the end of the context", left); err != context.Canceled {
				t.Errorf("%s: the context ended by %v", e.name, err)
			}
		}
	}
}

// TestFromHTTPAfterReturn keeps the parts of an exchange for longer than the handler runs.
func TestFromHTTPAfterReturn(t *testing.T) {
	type parts struct {
		w http.ResponseWriter
		r *http.Request
	}
	kept := make(chan parts, 1)
	for _, e := range servedByUs(t, highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept <- parts{w, r}
	}))) {
		ask(t, e, post("/x", "Content-Length: 5\r\n", "hello"))
		p := within(t, "the exchange", kept)
		within(t, "the end of the context", p.r.Context().Done())
		if _, err := p.w.Write([]byte("late")); err == nil {
			t.Error("a late write is taken")
		}
		late := error(nil)
		// The body is cut off when the answer has gone, which the client may know first.
		for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
			if _, late = p.r.Body.Read(make([]byte, 1)); late == http.ErrBodyReadAfterClose {
				break
			}
		}
		if late != http.ErrBodyReadAfterClose {
			t.Errorf("a late read returned %v", late)
		}
		p.w.WriteHeader(500)
		p.w.Header().Set("X", "y")
		p.w.(http.Flusher).Flush()
		if _, _, err := p.w.(http.Hijacker).Hijack(); err == nil {
			t.Error("a late Hijack succeeds")
		}
		if p.r.URL.Path != "/x" || p.r.Method != "POST" || p.r.Context().Err() != context.Canceled {
			t.Errorf("the request has become %+v", p.r)
		}
		_ = p.r.Context().Value(http.LocalAddrContextKey)
	}
}

// TestFromHTTPDeadlines sets those of http.ResponseController.
func TestFromHTTPDeadlines(t *testing.T) {
	for _, e := range allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		if err := errors.Join(c.EnableFullDuplex(), c.SetWriteDeadline(time.Now().Add(patience))); err != nil {
			t.Error(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(5 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadAll(r.Body); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a body that does not come fails with %v", err)
		}
		io.WriteString(w, "enough")
	})) {
		c := dial(t, e)
		c.send(t, post("/", "Content-Length: 5\r\n", "he"))
		if got := c.receive("POST"); got.Body != "enough" {
			t.Errorf("%s: the answer is %+v", e.name, got)
		}
	}
}

// TestFromHTTPMoreTime has a handler outlive the server's deadline, since it has asked for more time: later ones miss theirs
// while it still works.
func TestFromHTTPMoreTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	working, release := make(chan struct{}), make(chan struct{})
	srv := &highball.Server{
		Loops:     1,
		Deadlines: highball.Deadlines{Handler: time.Millisecond},
		Logger:    slog.New(slog.DiscardHandler),
		Handler: highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/more" {
				<-r.Context().Done()
				return
			}
			if err := http.NewResponseController(w).SetWriteDeadline(time.Time{}); err != nil {
				t.Error(err)
			}
			close(working)
			<-release
			io.WriteString(w, "done")
		})),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	e := endpoint{"server", l.Addr().String()}
	c := dial(t, e)
	c.send(t, get("/more", ""))
	within(t, "the request", working)
	for range 2 {
		if got := ask(t, e, get("/", "")); got.Status != 504 {
			t.Errorf("a slow handler is answered by %+v", got)
		}
	}
	close(release)
	if got := c.receive("GET"); got.Body != "done" {
		t.Errorf("one with more time is answered by %+v", got)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	<-done
}

// TestFromHTTPFullDuplex reads the body on one goroutine while another writes the answer, so that both wait for the client
// at the same time.
func TestFromHTTPFullDuplex(t *testing.T) {
	const size = 4 << 20
	for _, e := range allServers(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		var reader sync.WaitGroup
		reader.Go(func() {
			if n, err := io.Copy(io.Discard, r.Body); n != size || err != nil {
				t.Errorf("the body is %d, %v", n, err)
			}
		})
		if n, err := w.Write(make([]byte, size)); n != size || err != nil {
			t.Errorf("the write returned %d, %v", n, err)
		}
		reader.Wait()
	})) {
		for _, fields := range []string{"", "Expect: 100-continue\r\n"} {
			c := dial(t, e)
			c.send(t, post("/", fmt.Sprintf("%sContent-Length: %d\r\n", fields, size), ""))
			var sender sync.WaitGroup
			sender.Go(func() {
				if _, err := c.Write(make([]byte, size)); err != nil {
					t.Error(err)
				}
			})
			if got := c.receive("POST"); len(got.Body) != size {
				t.Errorf("%s: %d bytes came, %s", e.name, len(got.Body), got.Err)
			}
			sender.Wait()
		}
	}
}

// TestFromHTTPDiffers holds what we do otherwise than net/http, on purpose.
func TestFromHTTPDiffers(t *testing.T) {
	for _, e := range servedByUs(t, highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/field":
			w.Header().Set("X-A", "1\r\nX-B: 2")
			io.WriteString(w, "split")
		case "/name":
			w.Header()["X A"] = []string{"1"}
		case "/panic":
			w.Header().Set("X-A", "1")
			io.WriteString(w, "lost")
			panic("a mistake")
		case "/status":
			w.WriteHeader(700)
		case "/length":
			w.Header().Set("Content-Length", "-5")
			io.WriteString(w, "hello")
		case "/trailer":
			io.WriteString(w, "short")
			w.Header().Set(http.TrailerPrefix+"X-Sum", "abc")
		}
	}))) {
		for _, path := range []string{"/field", "/name", "/panic", "/status"} {
			if got := ask(t, e, get(path, "")); got.Status != 500 || got.Header.Get("X-A") != "" || got.Header.Get("X-B") != "" {
				t.Errorf("%s: %s is answered by %+v", e.name, path, got)
			}
		}
		if got := ask(t, e, get("/length", "")); got.Body != "hello" || got.Length != 5 {
			t.Errorf("%s: a malformed length is answered by %+v", e.name, got)
		}
		if got := ask(t, e, get("/trailer", "")); got.Body != "short" || got.Trailer.Get("X-Sum") != "abc" {
			t.Errorf("%s: a late trailer is answered by %+v", e.name, got)
		}
	}
}

// TestFromHTTPKeepsTheConnection sends requests in a row, the bodies of which the handler has not read.
func TestFromHTTPKeepsTheConnection(t *testing.T) {
	for _, e := range servedByUs(t, highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.Path)
	}))) {
		c := dial(t, e)
		c.send(t, get("/1", "")+post("/2", "Content-Length: 5\r\n", "hello")+post("/3", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n0\r\n\r\n")+get("/4", ""))
		for _, want := range []string{"/1", "/2", "/3", "/4"} {
			if got := c.receive("GET"); got.Body != want {
				t.Fatalf("%s: the answer is %+v, want %s", e.name, got, want)
			}
		}
	}
}

// BenchmarkFromHTTP is a small answer by a net/http handler, over our server and over net/http's.
func BenchmarkFromHTTP(b *testing.B) {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "hello, world\n")
	})
	type server interface {
		Serve(l net.Listener) error
		Close() error
	}
	for _, tt := range []struct {
		name string
		make func() server
	}{
		{"highball", func() server { return &highball.Server{Handler: highball.FromHTTP(h), Loops: 1} }},
		{"nethttp", func() server { return &http.Server{Handler: h} }},
	} {
		b.Run(tt.name, func(b *testing.B) {
			server := tt.make()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- server.Serve(l) }()
			request := []byte(get("/some/path?q=1", "User-Agent: bench\r\nAccept: */*\r\n"))
			b.ReportAllocs()
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				nc, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				in := make([]byte, 4<<10)
				for pb.Next() {
					_, err := nc.Write(request)
					for n, got := 0, 0; err == nil && !bytes.HasSuffix(in[:n], []byte("world\n")); n += got {
						got, err = nc.Read(in[n:])
					}
					if err != nil {
						b.Error(err)
						break
					}
				}
				_ = nc.Close() // it has done its work
			})
			if err := server.Close(); err != nil {
				b.Error(err)
			}
			<-done
		})
	}
}
