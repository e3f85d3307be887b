package h1

import (
	"strings"
	"testing"
)

// headVerdict parses input whole and byte by byte, holds them to each other, and returns the status: 0 for more, 200 for
// done.
func headVerdict(t *testing.T, input string, lim *Limits) int {
	t.Helper()
	status := func(h *Head, v Verdict) int {
		switch v {
		case Done:
			return 200
		case Failed:
			return h.Err().Status
		}
		return 0
	}
	var whole, split Head
	want := status(&whole, whole.Parse([]byte(input), lim))
	v := NeedData
	for i := range len(input) + 1 {
		if v = split.Parse([]byte(input[:i]), lim); v != NeedData {
			break
		}
	}
	if got := status(&split, v); got != want {
		t.Errorf("%.40q: byte by byte %d, whole %d", input, got, want)
	}
	return want
}

func TestHeadLimits(t *testing.T) {
	const start = "GET / HTTP/1.1\r\nHost: a\r\n"
	line := func(n int) string { return "X: " + strings.Repeat("v", n-len("X: \r\n")) + "\r\n" }
	target := func(n int) string {
		return "GET /" + strings.Repeat("p", n-len("GET / HTTP/1.1\r\n")) + " HTTP/1.1\r\n"
	}
	for _, c := range []struct {
		name  string
		input string
		lim   *Limits
		want  int
	}{
		{"field line as long as may be", start + line(8192) + "\r\n", nil, 200},
		{"field line too long", start + line(8193) + "\r\n", nil, 431},
		{"field line without an end", start + strings.Repeat("x", 8192), nil, 431},
		{"field line that may still end", start + strings.Repeat("x", 8191), nil, 0},
		{"field name without an end", start + "X: " + strings.Repeat(" ", 8192), nil, 431},
		{"request line as long as may be", target(8192) + "Host: a\r\n\r\n", nil, 200},
		{"request line too long", target(8193) + "Host: a\r\n\r\n", nil, 414},
		{"target without an end", "GET /" + strings.Repeat("x", 9000), nil, 414},
		{"method too long", strings.Repeat("X", 33), nil, 501},
		{"method as long as may be", strings.Repeat("X", 32) + " / HTTP/1.1\r\nHost: a\r\n\r\n", nil, 200},
		{"method longer than the line", strings.Repeat("X", 33), &Limits{Line: 20}, 414},
		{"head as large as may be", start + line(40) + "\r\n", &Limits{Head: len(start) + 42}, 200},
		{"head too large", start + line(40) + "\r\n", &Limits{Head: len(start) + 41}, 431},
		{"head too large before its last octet", start + line(40) + "\r\n", &Limits{Head: len(start) + 40}, 431},
		{"default head", start + strings.Repeat(line(8000), 9), nil, 431},
		{"as many fields as may be", start + strings.Repeat("X: y\r\n", 99) + "\r\n", nil, 200},
		{"too many fields", start + strings.Repeat("X: y\r\n", 100), nil, 431},
		{"limits smaller than a start line are raised", "GET / HTTP/1.1\r\n", &Limits{Line: 1, Head: 1}, 431},
		{"empty lines and the smallest limits", "\r\n\r\nGET / HTTP/1.1\r\n", &Limits{Line: 1, Head: 1}, 414},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := headVerdict(t, c.input, c.lim); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

// What cannot become a request is refused at the first wrong octet: a client that waits for an answer may never send a
// line end.
func TestHeadFailsAtTheFirstWrongOctet(t *testing.T) {
	for _, input := range []string{
		"\x16", " ", "GET  ", "GE\x00", "GET /\x01", "GET /\n", "GET x ", "GET / HTTX", "GET / HTTP/1.1\n", "GET / HTTP/1.1\rX",
		"GET / HTTP/1.1\r\n ", "GET / HTTP/1.1\r\nA ", "GET / HTTP/1.1\r\nA\n", "GET / HTTP/1.1\r\nA: \n", "GET / HTTP/1.1\r\nA: b\x7f",
		"GET / HTTP/1.1\r\nA: b\rc", "GET / HTTP/1.1\r\n\rx",
	} {
		var h Head
		if v := h.Parse([]byte(input[:len(input)-1]), nil); v != NeedData {
			t.Errorf("%q: failed before its last octet: %v", input, h.Err())
		}
		if v := h.Parse([]byte(input), nil); v != Failed {
			t.Errorf("%q: verdict %d, want Failed", input, v)
		}
	}
}

func TestHeadStarted(t *testing.T) {
	for input, want := range map[string]bool{"": false, "\r": false, "\r\n": false, "G": true, "\r\nG": true} {
		var h Head
		if h.Parse([]byte(input), nil) != NeedData || h.Started() != want {
			t.Errorf("%q: started %t, want %t", input, h.Started(), want)
		}
	}
}

func TestResponseLimits(t *testing.T) {
	for _, c := range []struct {
		name, input string
		lim         *Limits
		want        string
	}{
		{"reason without an end", "HTTP/1.1 200 " + strings.Repeat("x", 9000), nil, "status line too long"},
		{"too many fields", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 3), &Limits{Fields: 2}, "too many field lines"},
	} {
		var r ResponseHead
		r.Reset(MethodGet)
		if v := r.Parse([]byte(c.input), c.lim); v != Failed || r.Err().Error() != c.want {
			t.Errorf("%s: verdict %d, %v", c.name, v, r.Err())
		}
	}
}

// chunkedFailure decodes input whole and returns the reason of the failure, or "".
func chunkedFailure(input string, lim *Limits) string {
	var d Chunked
	d.Reset(lim)
	for b := []byte(input); ; {
		_, n, v := d.Decode(b)
		b = b[n:]
		if v == Failed {
			return d.Err().Reason
		}
		if v == Done || len(b) == 0 {
			return ""
		}
	}
}

func TestChunkOverhead(t *testing.T) {
	const end = "0\r\n\r\n"
	for _, c := range []struct {
		name, input string
		lim         *Limits
		want        string
	}{
		{"ten thousand chunks of one byte", strings.Repeat("1\r\nx\r\n", 10000) + end, nil, ""},
		{"any number of chunks of two bytes", strings.Repeat("2\r\nxx\r\n", 100000) + end, nil, ""},
		{"more chunks of one byte than are sane", strings.Repeat("1\r\nx\r\n", 20000) + end, nil, errChunkOverhead.Reason},
		{"extensions on small chunks", strings.Repeat("1;extension=value\r\nx\r\n", 2000) + end, nil, errChunkOverhead.Reason},
		{"one endless extension", "1;" + strings.Repeat("x", 20000), nil, errChunkOverhead.Reason},
		{"one endless quoted extension", "1;a=\"" + strings.Repeat("x", 20000), nil, errChunkOverhead.Reason},
		{"a limit of one's own", "1;abcdefghijklmnopq\r\nx\r\n" + end, &Limits{ChunkOverhead: 16}, errChunkOverhead.Reason},
		{"endless trailer section", "0\r\n" + strings.Repeat("X: y\r\n", 2000), &Limits{Fields: 5000}, errFieldsTooLarge.Reason},
		{"endless trailer line", "0\r\nX: " + strings.Repeat("y", 10000), nil, errFieldsTooLarge.Reason},
		{"too many trailers", "0\r\n" + strings.Repeat("X: y\r\n", 101), nil, errTooManyFields.Reason},
		{"as many trailers as may be", "0\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := chunkedFailure(c.input, c.lim); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestChunkedZeroValue(t *testing.T) {
	var d Chunked
	payload, n, v := d.Decode([]byte("2\r\nok\r\n0\r\n\r\nrest"))
	if string(payload) != "ok" || n != 5 || v != NeedData {
		t.Fatalf("payload %q, n %d, verdict %d", payload, n, v)
	}
	payload, n, v = d.Decode([]byte("\r\n0\r\n\r\nrest"))
	if len(payload) != 0 || n != 7 || v != Done {
		t.Fatalf("payload %q, n %d, verdict %d", payload, n, v)
	}
}

// Section 6.5.1 of RFC 9110 forbids what a recipient must know before the body.
func TestTrailerFields(t *testing.T) {
	for _, name := range []string{"Transfer-Encoding", "CONTENT-LENGTH", "host", "content-encoding", "Authorization", "If-Match", "Proxy-Authorization", "X-Forwarded-Proto", "Trailer", "Cookie"} {
		if allowedInTrailer([]byte(name)) {
			t.Errorf("%s is allowed", name)
		}
	}
	for _, name := range []string{"Content-Digest", "Content-Type", "Vary", "ETag", "Server-Timing", "X-Checksum", "Grpc-Status", "Repr-Digest"} {
		if !allowedInTrailer([]byte(name)) {
			t.Errorf("%s is forbidden", name)
		}
	}
}
