package observe

import (
	"bytes"
	"strconv"
)

// SplitResponse splits the beginning of what was sent for a request into its head, with those of interim responses before it, and at most the first KiB of
// its body, from which it removes the framing of chunks.
func SplitResponse(wire []byte) (head, body []byte) {
	rest := wire
	for {
		end, whole := headEnd(rest)
		last := rest[:end]
		rest = rest[end:]
		if interim := bytes.HasPrefix(last, []byte("HTTP/1.1 1")) && !bytes.HasPrefix(last, []byte("HTTP/1.1 101")); whole && interim {
			continue
		}
		head = wire[:len(wire)-len(rest)]
		if isChunked(last) {
			return head, dechunked(rest)
		}
		return head, rest[:min(len(rest), bodyBound)]
	}
}

// headEnd returns where a head ends, behind its empty line, or the length of b and false if there is none.
func headEnd(b []byte) (end int, whole bool) {
	if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
		return i + len("\r\n\r\n"), true
	}
	return len(b), false
}

// isChunked reports whether a head that the server has made says that chunks follow.
func isChunked(head []byte) bool {
	for line := range bytes.Lines(head) {
		name, v, found := bytes.Cut(line, []byte{':'})
		if found && bytes.EqualFold(name, []byte("Transfer-Encoding")) && bytes.EqualFold(bytes.TrimSpace(v), []byte("chunked")) {
			return true
		}
	}
	return false
}

// dechunked returns the content of the chunks (RFC 9112, section 7.1) that b begins with, at most the first KiB. What is no chunk ends it.
func dechunked(b []byte) (content []byte) {
	for len(content) < bodyBound {
		line, rest, found := bytes.Cut(b, []byte("\r\n"))
		size, _, _ := bytes.Cut(line, []byte{';'})
		n, err := strconv.ParseUint(string(size), 16, 32)
		if !found || err != nil || n == 0 {
			break
		}
		got := rest[:min(len(rest), int(n))]
		content = append(content, got...)
		b = bytes.TrimPrefix(rest[len(got):], []byte("\r\n"))
	}
	return content[:min(len(content), bodyBound)]
}
