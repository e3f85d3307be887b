package h1

import (
	"strings"
	"testing"
)

const (
	smallHead   = "GET /index.html HTTP/1.1\r\nHost: localhost\r\n\r\n"
	browserHead = "GET /articles/2024/clear-track?ref=home HTTP/1.1\r\nHost: www.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
		"Accept-Language: en-US,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Referer: https://www.example.com/\r\nConnection: keep-alive\r\nCookie: session=0123456789abcdef0123456789\r\n" +
		"Upgrade-Insecure-Requests: 1\r\nPriority: u=0, i\r\nCache-Control: max-age=0\r\n\r\n"
	chunkedBody = "5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
)

// In the steady state, that is from the second request of a connection on, nothing allocates.
func TestNothingAllocates(t *testing.T) {
	var (
		small, browser, chunked = []byte(smallHead), []byte(browserHead), []byte(chunkedBody)
		response                = []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")

		h   Head
		r   ResponseHead
		d   Chunked
		out = make([]byte, 0, 1024)
	)
	parse := func(b []byte) {
		h.Reset()
		if h.Parse(b, nil) != Done {
			t.Fatal(h.Err())
		}
	}
	for name, work := range map[string]func(){
		"small head":   func() { parse(small) },
		"browser head": func() { parse(browser) },
		"find": func() {
			if _, ok := h.Find(browserHead, "priority"); !ok && h.Size == len(browser) {
				t.Fatal("not found")
			}
		},
		"response": func() {
			r.Reset(MethodGet)
			if r.Parse(response, nil) != Done {
				t.Fatal(r.Err())
			}
		},
		"chunked body": func() {
			d.Reset(nil)
			for b, v := chunked, NeedData; v != Done; {
				var n int
				_, n, v = d.Decode(b)
				b = b[n:]
			}
		},
		"canonical path": func() { CanonicalPath("/.well-known/a/b.c/") },
		"canonical host": func() { CanonicalHost("www.example.com:8080") },
		"writer": func() {
			b := AppendStatusLine(out, 404)
			b = AppendDate(append(b, "Date: "...), testNow)
			b = AppendField(b, "Server", "highball")
			b = AppendFieldInt(b, "Content-Length", 12345)
			b = AppendChunk(AppendEnd(b), small)
			AppendPath(AppendLastChunk(b), "/a b")
		},
		"date": func() { ParseDate("Sunday, 06-Nov-94 08:49:37 GMT", testNow) },
	} {
		if n := testing.AllocsPerRun(100, work); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkHead(b *testing.B) {
	for name, head := range map[string]string{"small": smallHead, "browser": browserHead} {
		b.Run(name, func(b *testing.B) {
			input := []byte(head)
			var h Head
			b.ReportAllocs()
			b.SetBytes(int64(len(input)))
			for b.Loop() {
				h.Reset()
				if h.Parse(input, nil) != Done {
					b.Fatal(h.Err())
				}
			}
		})
	}
}

func BenchmarkChunked(b *testing.B) {
	input := []byte(strings.Repeat("400\r\n"+strings.Repeat("x", 0x400)+"\r\n", 64) + "0\r\n\r\n")
	var d Chunked
	b.ReportAllocs()
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		d.Reset(nil)
		for rest, v := input, NeedData; v != Done; {
			var n int
			_, n, v = d.Decode(rest)
			rest = rest[n:]
		}
	}
}

func BenchmarkCanonicalPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		CanonicalPath("/static/css/site.css")
	}
}

func BenchmarkAppendDate(b *testing.B) {
	out := make([]byte, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		AppendDate(out, testNow)
	}
}
