package gateway

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"highball"
)

// Applications answer with few different heads, again and again. A worker's responses are therefore known by the bytes of
// their heads: what was found valid once is not looked at again.

// Bounds of what heads remembers: of applications whose every head is another one it would keep all.
const (
	maxKnownHeads     = 1024
	maxKnownHeadBytes = 1 << 20
)

// responseHead is the checked head of a response. It does not change any more.
type responseHead struct {
	status int
	length int64            // the declared Content-Length, or -1; always -1 for statuses without a body
	fields []highball.Field // all others

	// prepared is the head without its Content-Length. It is nil if the application has set a Date or Server of its own,
	// which only a Response can send.
	prepared *highball.PreparedHead
}

// apply makes w begin with the head, its Content-Length included.
func (h *responseHead) apply(w *highball.Response) {
	w.SetStatus(h.status)
	header := w.Header()
	header.Reset()
	for _, f := range h.fields {
		header.Add(f.Name, f.Value)
	}
	if h.length >= 0 {
		w.SetContentLength(h.length)
	}
}

// bodyless reports whether a response with the head has no body, whatever the application gives.
func (h *responseHead) bodyless() bool { return h.status == 204 || h.status == 304 }

// heads knows the heads of one worker's responses. The zero value is ready. It is for one goroutine.
type heads struct {
	known map[string]*responseHead
	bytes int // of the keys of known
}

// compile checks the head of a response as it stands in a frame, which it does not keep, and returns what it means. The
// error is for the log: it says what the application did wrong.
func (h *heads) compile(raw []byte) (*responseHead, error) {
	if head := h.known[string(raw)]; head != nil {
		return head, nil
	}
	head, err := parseHead(string(raw))
	if err != nil {
		return nil, err
	}
	if len(raw) > maxKnownHeadBytes/16 {
		return head, nil
	}
	if h.known == nil || len(h.known) == maxKnownHeads || h.bytes+len(raw) > maxKnownHeadBytes {
		h.known, h.bytes = make(map[string]*responseHead), 0
	}
	h.known[string(raw)] = head
	h.bytes += len(raw)
	return head, nil
}

// parseHead parses a status line without its version and field lines, each with its end.
func parseHead(raw string) (*responseHead, error) {
	line, rest, ok := strings.Cut(raw, "\r\n")
	if !ok {
		return nil, fmt.Errorf("the head of the response has no status line: %.100q", raw)
	}
	status, err := parseStatus(line)
	if err != nil {
		return nil, err
	}
	head := &responseHead{status: status, length: -1}
	slow := false
	for rest != "" {
		if line, rest, ok = strings.Cut(rest, "\r\n"); !ok {
			return nil, fmt.Errorf("the head of the response ends within a line: %.100q", line)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("the application's header has a line without a colon: %.100q", line)
		}
		value = strings.Trim(value, " \t")
		switch {
		case hopByHop(name):
			return nil, fmt.Errorf("the application's header has a field %s, which PEP 3333 leaves to the server", name)
		case strings.EqualFold(name, "Content-Length"):
			if head.length >= 0 {
				return nil, fmt.Errorf("the application's header has two fields %s", name)
			}
			if head.length, err = parseLength(value); err != nil {
				return nil, err
			}
			continue
		case strings.EqualFold(name, "Date") || strings.EqualFold(name, "Server"):
			slow = true
		}
		if err := checkField(name, value); err != nil {
			return nil, err
		}
		head.fields = append(head.fields, highball.Field{Name: name, Value: value})
	}
	if head.bodyless() {
		head.length = -1
	}
	if slow {
		return head, nil
	}
	var header highball.Header
	for _, f := range head.fields {
		header.Add(f.Name, f.Value)
	}
	head.prepared, err = highball.PrepareHead(status, &header)
	return head, err
}

// parseStatus parses a status such as "200 OK". The reason phrase may be missing; it is not sent on, since it means nothing
// to anybody (RFC 9112, section 4).
func parseStatus(line string) (int, error) {
	code, reason, _ := strings.Cut(line, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	switch {
	case err != nil || len(code) != 3 || !validValue(reason):
		return 0, fmt.Errorf("the application's status %.100q is not three digits and a text", line)
	case status < 200 || status > 599:
		return 0, fmt.Errorf("the application's status %.100q is not one of a final response, 200 to 599", line)
	}
	return int(status), nil
}

// parseLength parses a Content-Length (RFC 9110, section 8.6).
func parseLength(value string) (int64, error) {
	n, err := strconv.ParseUint(value, 10, 63)
	if err != nil {
		return -1, fmt.Errorf("the application's Content-Length %.100q is no length", value)
	}
	return int64(n), nil
}

// hopByHop reports whether a field speaks of the connection and not of the response, so that no application may set it
// (PEP 3333, "Other HTTP Features"; RFC 9110, section 7.6.1).
func hopByHop(name string) bool {
	switch len(name) {
	case 2:
		return strings.EqualFold(name, "TE")
	case 7:
		return strings.EqualFold(name, "Trailer") || strings.EqualFold(name, "Upgrade")
	case 8:
		return strings.EqualFold(name, "Trailers")
	case 10:
		return strings.EqualFold(name, "Connection") || strings.EqualFold(name, "Keep-Alive")
	case 16:
		return strings.EqualFold(name, "Proxy-Connection")
	case 17:
		return strings.EqualFold(name, "Transfer-Encoding")
	case 18:
		return strings.EqualFold(name, "Proxy-Authenticate")
	case 19:
		return strings.EqualFold(name, "Proxy-Authorization")
	}
	return false
}

// tokenOctets are the octets of a field's name besides letters and digits (RFC 9110, section 5.6.2).
var tokenOctets = []byte("!#$%&'*+-.^_`|~")

// checkField refuses a field that is not one line of its own.
func checkField(name, value string) error {
	valid := name != ""
	for i := range len(name) {
		c := name[i]
		valid = valid && (c|0x20-'a' < 26 || c-'0' < 10 || bytes.IndexByte(tokenOctets, c) >= 0)
	}
	switch {
	case !valid:
		return fmt.Errorf("the application's header has a field with the invalid name %.100q", name)
	case !validValue(value):
		return fmt.Errorf("the application's header has a field %s with a control character in its value %.100q", name, value)
	}
	return nil
}

// validValue reports whether s has no control characters but tabs (RFC 9110, section 5.5).
func validValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
