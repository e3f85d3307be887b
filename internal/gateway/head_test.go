package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"highball"
	"highball/internal/servertest"
)

func TestHeads(t *testing.T) {
	fields := func(pairs ...string) (list []highball.Field) {
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, highball.Field{Name: pairs[i], Value: pairs[i+1]})
		}
		return list
	}
	tests := []struct {
		name, raw string
		status    int
		length    int64
		fields    []highball.Field
		slow      bool
	}{
		{"no fields", "200 OK\r\n", 200, -1, nil, false},
		{"no reason", "404\r\n", 404, -1, nil, false},
		{"an empty reason", "599 \r\n", 599, -1, nil, false},
		{"a reason in latin-1", "200 Tr\xe8s bien\r\n", 200, -1, nil, false},
		{"fields in order, repeated", "200 OK\r\nSet-Cookie: a=1\r\nX-A: b:c\r\nset-cookie: b=2\r\n", 200, -1,
			fields("Set-Cookie", "a=1", "X-A", "b:c", "set-cookie", "b=2"), false},
		{"space around a value", "200 OK\r\nX-A: \t b \t\r\nX-B:\r\nX-C:d\r\n", 200, -1, fields("X-A", "b", "X-B", "", "X-C", "d"), false},
		{"a value of high bytes", "200 OK\r\nX-A: \xe4\xff\r\n", 200, -1, fields("X-A", "\xe4\xff"), false},
		{"a length", "200 OK\r\nX-A: b\r\ncontent-length: 12\r\n", 200, 12, fields("X-A", "b"), false},
		{"a length of nothing", "200 OK\r\nContent-Length: 0\r\n", 200, 0, nil, false},
		{"the largest length", "200 OK\r\nContent-Length: 9223372036854775807\r\n", 200, 1<<63 - 1, nil, false},
		{"a length without a body", "204 No Content\r\nContent-Length: 0\r\n", 204, -1, nil, false},
		{"a length of what is not sent", "304 Not Modified\r\nContent-Length: 9\r\nETag: \"x\"\r\n", 304, -1, fields("ETag", `"x"`), false},
		{"a Date of its own", "200 OK\r\ndate: today\r\n", 200, -1, fields("date", "today"), true},
		{"a Server of its own", "200 OK\r\nServer: mine\r\n", 200, -1, fields("Server", "mine"), true},
	}
	for _, test := range tests {
		var h heads
		raw := []byte(test.raw)
		head, err := h.compile(raw)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		clear(raw) // it is a read buffer's
		if head.status != test.status || head.length != test.length || (head.prepared == nil) != test.slow {
			t.Errorf("%s: status %d, length %d, prepared %v", test.name, head.status, head.length, head.prepared)
		}
		if diff := cmp.Diff(test.fields, head.fields); diff != "" {
			t.Errorf("%s, -want +got:\n%s", test.name, diff)
		}
		if again, err := h.compile([]byte(test.raw)); again != head || err != nil {
			t.Errorf("%s: parsed again, %v", test.name, err)
		}
	}
}

func TestHeadsRefuse(t *testing.T) {
	tests := []struct{ raw, want string }{
		{"", "no status line"},
		{"200 OK", "no status line"},
		{"200 OK\n", "no status line"},
		{"\r\n", "three digits"},
		{"20 OK\r\n", "three digits"},
		{"2000 OK\r\n", "three digits"},
		{"+20 OK\r\n", "three digits"},
		{" 200 OK\r\n", "three digits"},
		{"abc OK\r\n", "three digits"},
		{"200 O\nK\r\n", "three digits"},
		{"200 O\x00K\r\n", "three digits"},
		{"100 Continue\r\n", "200 to 599"},
		{"101 Switching Protocols\r\n", "200 to 599"},
		{"199 X\r\n", "200 to 599"},
		{"600 X\r\n", "200 to 599"},
		{"200 OK\r\nX-A: b", "ends within a line"},
		{"200 OK\r\nX-A: b\n", "ends within a line"},
		{"200 OK\r\nX-A b\r\n", "without a colon"},
		{"200 OK\r\n\r\n", "without a colon"},
		{"200 OK\r\n\r\nbody: x\r\n", "without a colon"},
		{"200 OK\r\n: b\r\n", "invalid name"},
		{"200 OK\r\nX A: b\r\n", "invalid name"},
		{"200 OK\r\nX-A : b\r\n", "invalid name"},
		{"200 OK\r\n X-A: b\r\n", "invalid name"},
		{"200 OK\r\nX-\xe4: b\r\n", "invalid name"},
		{"200 OK\r\nX-A\x00: b\r\n", "invalid name"},
		{"200 OK\r\nX-A: b\rX-B: c\r\n", "control character"},
		{"200 OK\r\nX-A: b\nX-B: c\r\n", "control character"},
		{"200 OK\r\nX-A: b\x00\r\n", "control character"},
		{"200 OK\r\nX-A: \x7f\r\n", "control character"},
		{"200 OK\r\nDate: \x01\r\n", "control character"},
		{"200 OK\r\nContent-Length: \r\n", "is no length"},
		{"200 OK\r\nContent-Length: -1\r\n", "is no length"},
		{"200 OK\r\nContent-Length: +1\r\n", "is no length"},
		{"200 OK\r\nContent-Length: 1, 1\r\n", "is no length"},
		{"200 OK\r\nContent-Length: 0x1\r\n", "is no length"},
		{"200 OK\r\nContent-Length: 1_0\r\n", "is no length"},
		{"200 OK\r\nContent-Length: 9223372036854775808\r\n", "is no length"},
		{"200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n", "two fields Content-Length"},
		{"204 No Content\r\nContent-Length: x\r\n", "is no length"},
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
		"Trailers", "Transfer-Encoding", "Upgrade", "uPGRADE"} {
		tests = append(tests, struct{ raw, want string }{"200 OK\r\n" + name + ": x\r\n", "has a field " + name + ", which PEP 3333"})
	}
	for _, test := range tests {
		var h heads
		for range 2 {
			if _, err := h.compile([]byte(test.raw)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%q: error %v, without %q", test.raw, err, test.want)
			}
		}
	}
}

func TestHeadsAreBounded(t *testing.T) {
	for name, padding := range map[string]int{"number": 0, "bytes": 10 << 10} {
		var h heads
		most := 0
		for i := range 3 * maxKnownHeads {
			raw := fmt.Sprintf("200 OK\r\nX-A: %d%s\r\n", i, strings.Repeat("x", padding))
			if _, err := h.compile([]byte(raw)); err != nil {
				t.Fatal(err)
			}
			most = max(most, len(h.known))
			if i%100 > 0 && len(h.known) > 1 {
				continue
			}
			bytes := 0
			for key := range h.known {
				bytes += len(key)
			}
			if len(h.known) > maxKnownHeads || bytes > maxKnownHeadBytes || bytes != h.bytes {
				t.Fatalf("%s: %d heads of %d bytes are kept, %d counted", name, len(h.known), bytes, h.bytes)
			}
		}
		if most < 50 {
			t.Errorf("%s: no more than %d heads are kept", name, most)
		}
	}
}

// A large head is not worth what it would displace.
func TestHeadsDoNotKeepLargeOnes(t *testing.T) {
	var h heads
	if _, err := h.compile([]byte("200 OK\r\nX-A: " + strings.Repeat("x", maxHead-100) + "\r\n")); err != nil || len(h.known) > 0 {
		t.Errorf("%v, %d kept", err, len(h.known))
	}
}

func TestHeadApplied(t *testing.T) {
	handler := highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		var h heads
		head, err := h.compile([]byte("201 Made\r\nServer: mine\r\nX-A: 1\r\nContent-Length: 5\r\nX-A: 2\r\n"))
		if err != nil {
			return err
		}
		w.Header().Set("X-Left", "over")
		head.apply(w)
		_, err = w.WriteString("hello")
		return err
	})
	c := servertest.New(t, servertest.Goroutine, &highball.Server{Handler: handler}).Dial(t)
	r := c.Get("/")
	if r.Status != 201 || r.Value("Server") != "mine" || r.Value("Content-Length") != "5" || r.Value("X-Left") != "" || r.Body != "hello" {
		t.Errorf("%+v", r)
	}
}

func BenchmarkHeads(b *testing.B) {
	raw := []byte("200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 1234\r\n")
	b.Run("known", func(b *testing.B) {
		var h heads
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.compile(raw); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("unknown", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := parseHead(string(raw)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
