package gateway

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// pattern returns n bytes that do not repeat soon.
func pattern(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "%d,", i)
	}
	return b.String()[:n]
}

// posted is a request with a body of declared length.
func posted(body string) string {
	return fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// postedChunked is a request with a body in chunks.
func postedChunked(body string) string {
	var b strings.Builder
	b.WriteString("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n")
	for body != "" {
		n := min(len(body), 20_000)
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	b.WriteString("0\r\n\r\n")
	return b.String()
}

func TestInputOfEverySize(t *testing.T) {
	tests := []struct {
		size            int
		file, chunkFile bool // declared, and in chunks
	}{
		{0, false, false},
		{1, false, false},
		{maxInputMemory - 1, false, false},
		// Whether a body in chunks that has filled the memory goes on is not known.
		{maxInputMemory, false, true},
		{maxInputMemory + 1, true, true},
		{2 * maxInputMemory, true, true},
		{1 << 20, true, true},
	}
	forms := map[string]func(string) string{"declared": posted, "in chunks": postedChunked}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		for _, test := range tests {
			for form, write := range forms {
				watched := new(watchedScratch)
				b := bodies{scratch: watched.scratch()}
				body := pattern(test.size)
				withRequest(t, d, write(body), func(r *highball.Request) {
					in, err := b.read(r, int64(test.size))
					if err != nil {
						t.Errorf("%d bytes %s: %v", test.size, form, err)
						return
					}
					got := string(in.bytes())
					wantFile := test.file
					if form == "in chunks" {
						wantFile = test.chunkFile
					}
					if f := in.file(); (f != nil) != wantFile {
						t.Errorf("%d bytes %s: in a file: %t", test.size, form, f != nil)
					} else if f != nil {
						content, err := io.ReadAll(f) // from the file's own offset on, as a worker does
						if err != nil || in.bytes() != nil {
							t.Errorf("%d bytes %s: %v, and %d in memory", test.size, form, err, len(in.bytes()))
						}
						got = string(content)
					}
					if got != body || in.size() != int64(test.size) {
						t.Errorf("%d bytes %s: %d came, size %d", test.size, form, len(got), in.size())
					}
					in.close()
					in.close()
				})
				if _, open := watched.count(); open > 0 {
					t.Errorf("%d bytes %s: %d files are open", test.size, form, open)
				}
			}
		}
	})
}

// What is pooled is not what another request still has.
func TestInputsAreApart(t *testing.T) {
	var b bodies
	withRequest(t, servertest.Goroutine, posted("first"), func(r1 *highball.Request) {
		withRequest(t, servertest.Goroutine, posted("second"), func(r2 *highball.Request) {
			first, err1 := b.read(r1, -1)
			second, err2 := b.read(r2, -1)
			if err1 != nil || err2 != nil || string(first.bytes()) != "first" || string(second.bytes()) != "second" {
				t.Errorf("%q %v, %q %v", first.bytes(), err1, second.bytes(), err2)
			}
			first.close()
			first.close()
			second.close()
		})
	})
}

func TestInputLimit(t *testing.T) {
	tests := []struct {
		name, raw string
		limit     int64
		ok        bool
	}{
		{"as long as permitted", posted("hello"), 5, true},
		{"as long as permitted, in chunks", postedChunked("hello"), 5, true},
		{"one byte too long, in chunks", postedChunked("hello!"), 5, false},
		// The body does not come: if it were waited for, the test would not end.
		{"one byte too long", strings.TrimSuffix(posted("hello!"), "hello!"), 5, false},
		{"too long and in a file, in chunks", postedChunked(pattern(300_000)), 250_000, false},
		{"no body is permitted, and there is none", posted(""), 0, true},
		{"no body is permitted", posted("x"), 0, false},
		{"no limit", posted(pattern(300_000)), -1, true},
	}
	for _, test := range tests {
		watched := new(watchedScratch)
		b := bodies{scratch: watched.scratch()}
		withRequest(t, servertest.Goroutine, test.raw, func(r *highball.Request) {
			in, err := b.read(r, test.limit)
			var status *highball.Error
			switch {
			case test.ok && err != nil:
				t.Errorf("%s: %v", test.name, err)
			case test.ok:
				in.close()
			case !errors.As(err, &status) || status.Status != 413:
				t.Errorf("%s: error %v", test.name, err)
			}
		})
		if _, open := watched.count(); open > 0 {
			t.Errorf("%s: %d files are open", test.name, open)
		}
	}
}

func TestInputOfClientThatLeaves(t *testing.T) {
	watched := new(watchedScratch)
	b := bodies{scratch: watched.scratch()}
	q := make(requests)
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: q}).Dial(t)
	whole := posted(pattern(300_000))
	c.Send(whole[:len(whole)-1])
	c.CloseWrite()
	lent := <-q
	defer close(lent.done)
	if in, err := b.read(lent.r, -1); in != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v, error %v", in, err)
	}
	if made, open := watched.count(); made != 1 || open > 0 {
		t.Errorf("%d files were made, %d are open", made, open)
	}
}

// BenchmarkInputBuffer shows what the pool spares a request with a body.
func BenchmarkInputBuffer(b *testing.B) {
	read := func(b *testing.B, store *bodies, renew func()) {
		body := strings.NewReader("")
		b.ReportAllocs()
		for b.Loop() {
			renew()
			body.Reset("a small form")
			buf, _ := store.buffers.Get().(*inputBuffer)
			if buf == nil {
				buf = new(inputBuffer)
			}
			in := input{from: store, buf: buf}
			if err := in.readAll(body, 12, -1); err != nil {
				b.Fatal(err)
			}
			in.close()
		}
	}
	b.Run("pooled", func(b *testing.B) {
		var store bodies
		read(b, &store, func() {})
	})
	b.Run("made", func(b *testing.B) {
		var store bodies
		read(b, &store, func() { store = bodies{} })
	})
}
