package h1

import (
	"net/http"
	"testing"
)

func TestStatusText(t *testing.T) {
	// Where RFC 9110 has renamed a status, the standard library keeps the older name.
	renamed := map[int]string{
		413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content", 418: "", 510: "",
	}
	for code := -1; code < 1000; code++ {
		want, ok := renamed[code]
		if !ok {
			want = http.StatusText(code)
		}
		if got := StatusText(code); got != want {
			t.Errorf("StatusText(%d) = %q, want %q", code, got, want)
		}
	}
}

func TestAppend(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"status line", AppendStatusLine([]byte("x"), 200), "xHTTP/1.1 200 OK\r\n"},
		{"unregistered status", AppendStatusLine(nil, 299), "HTTP/1.1 299 \r\n"},
		{"status beyond the table", AppendStatusLine(nil, 999), "HTTP/1.1 999 \r\n"},
		{"reason of one's own", AppendStatusLineText(nil, 404, "Gone Fishing"), "HTTP/1.1 404 Gone Fishing\r\n"},
		{"request line", AppendRequestLine(nil, "GET", "/a?b"), "GET /a?b HTTP/1.1\r\n"},
		{"field", AppendField(nil, "Server", "highball"), "Server: highball\r\n"},
		{"number", AppendFieldInt(nil, "Content-Length", 1234567890123), "Content-Length: 1234567890123\r\n"},
		{"end", AppendEnd(nil), "\r\n"},
		{"chunk", AppendChunk(nil, []byte("hello, chunked world")), "14\r\nhello, chunked world\r\n"},
		{"empty chunk", AppendChunk(nil, nil), ""},
		{"chunk size", AppendChunkSize(nil, 0xabc), "abc\r\n"},
		{"last chunk", AppendLastChunk(nil), "0\r\n\r\n"},
		{"trailers", AppendEnd(AppendField(AppendTrailerStart(nil), "X-Sum", "1")), "0\r\nX-Sum: 1\r\n\r\n"},
	} {
		if string(c.got) != c.want {
			t.Errorf("%s: got %q, want %q", c.name, c.got, c.want)
		}
	}
}

func TestStatusWithoutThreeDigitsPanics(t *testing.T) {
	for _, status := range []int{-1, 0, 99, 1000} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("status %d does not panic", status)
				}
			}()
			AppendStatusLine(nil, status)
		}()
	}
}

func TestValidField(t *testing.T) {
	for name, want := range map[string]bool{"X-A_b.1~": true, "": false, "a b": false, "a:": false, "a\r": false, "\xe9": false} {
		if got := ValidFieldName(name); got != want {
			t.Errorf("ValidFieldName(%q) = %t", name, got)
		}
	}
	for value, want := range map[string]bool{"": true, "a b\t\xe9": true, "a\rb": false, "a\n": false, "\x00": false, "\x7f": false, "\x1b": false} {
		if got := ValidFieldValue(value); got != want {
			t.Errorf("ValidFieldValue(%q) = %t", value, got)
		}
	}
}

func TestFind(t *testing.T) {
	input := "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nx-one: 2\r\nX-Two:\r\n\r\n"
	var h Head
	if h.Parse([]byte(input), nil) != Done {
		t.Fatal(h.Err())
	}
	for _, c := range []struct {
		name, value string
		ok          bool
	}{
		{"x-one", "1", true},
		{"X-ONE", "1", true},
		{"x-two", "", true},
		{"x-six", "", false},
		{"x", "", false},
	} {
		if value, ok := h.Find(input, c.name); value != c.value || ok != c.ok {
			t.Errorf("Find(%q) = %q, %t", c.name, value, ok)
		}
		if value, ok := h.Lookup([]byte(input), c.name); string(value) != c.value || ok != c.ok {
			t.Errorf("Lookup(%q) = %q, %t", c.name, value, ok)
		}
	}
}

func TestIndexControl(t *testing.T) {
	const text = "~\x80\xffzabcdefghi@ABCDEFG"
	for floor := range byte('"') {
		for c := range 256 {
			for at := range len(text) {
				want := len(text)
				if byte(c) < floor || c == 0x7f {
					want = at
				}
				b := []byte(text)
				b[at] = byte(c)
				if got := indexControl(b, 0, floor); got != want {
					t.Fatalf("octet %#x at %d with floor %#x: %d, want %d", c, at, floor, got, want)
				}
			}
		}
	}
}
