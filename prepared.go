package highball

import (
	"fmt"
	"strconv"

	"highball/internal/h1"
)

// Prepared is a complete response that is always the same but for its Date: made once by Prepare, sent any number
// of times, by any number of goroutines, without formatting or allocation.
type Prepared struct {
	status int
	line   []byte // the status line
	fields []byte // the field lines, Content-Length among them, without the blank line
	body   []byte
	length int64 // of the body, as the head says; 0 where it says nothing
	named  bool  // fields has a request's id
}

// Prepare makes a Prepared of a status from 200 on, header fields and a body, which it keeps: the caller must not
// change it afterwards. Content-Length is added where the status permits a body; a Content-Length already in the header
// stays with a nil body (the answer to HEAD). It fails on an invalid field and on those that frame a message or belong
// to the server: Connection, Keep-Alive, Transfer-Encoding, Trailer, Upgrade, Date and Server.
func Prepare(status int, header *Header, body []byte) (*Prepared, error) {
	if status < 200 || status > 599 {
		return nil, fmt.Errorf("highball: cannot prepare a response of status %d", status)
	}
	if len(body) > 0 && bodyless(status) {
		return nil, fmt.Errorf("highball: a response of status %d has no body", status)
	}
	head := h1.AppendStatusLine(make([]byte, 0, sizeOf(header)), status)
	p := &Prepared{status: status, body: body, line: head[:len(head):len(head)], fields: head[len(head):]}
	counted := false
	if header != nil {
		for name, value := range header.All() {
			if err := checkPrepared(name, value); err != nil {
				return nil, err
			}
			if sameName(name, "Content-Length") {
				n, err := strconv.ParseUint(value, 10, 63)
				if err != nil {
					return nil, fmt.Errorf("highball: the Content-Length %q is no length", value)
				}
				p.length = int64(n)
				if body != nil && value != strconv.Itoa(len(body)) {
					return nil, fmt.Errorf("highball: Content-Length %s, but a body of %d bytes", value, len(body))
				}
				counted = true
			}
			p.named = p.named || sameName(name, requestIDField)
			p.fields = h1.AppendField(p.fields, name, value)
		}
	}
	if !counted && !bodyless(status) {
		p.fields = h1.AppendField(p.fields, "Content-Length", strconv.Itoa(len(body)))
	}
	return p, nil
}

// sizeOf returns how many bytes the head of a prepared response has, or a few more.
func sizeOf(header *Header) int {
	n := len("HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 1234567890\r\n")
	if header != nil {
		for i := range header.fields {
			n += len(header.fields[i].Name) + len(header.fields[i].Value) + len(": \r\n")
		}
	}
	return n
}

// checkPrepared refuses a field that cannot be sent, or not by a handler.
func checkPrepared(name, value string) error {
	switch {
	case !h1.ValidFieldName(name) || !h1.ValidFieldValue(value):
		return fmt.Errorf("highball: invalid field %q: %q", name, value)
	case framingField(name) || sameName(name, "Date") || sameName(name, "Server"):
		return fmt.Errorf("highball: the field %s is the server's to set", name)
	}
	return nil
}

// PreparedHead is the status and the header fields of responses that differ in nothing but their bodies (and Date), made once
// by PrepareHead for Later.Send.
type PreparedHead struct {
	status int
	line   []byte
	fields []byte // without Content-Length
	named  bool   // fields has a request's id
}

// PrepareHead makes a PreparedHead of a status from 200 on and header fields. It fails on the fields that Prepare refuses, and on
// Content-Length.
func PrepareHead(status int, header *Header) (*PreparedHead, error) {
	if status < 200 || status > 599 {
		return nil, fmt.Errorf("highball: cannot prepare a response of status %d", status)
	}
	p := &PreparedHead{status: status, line: h1.AppendStatusLine(nil, status)}
	for i := range header.fields {
		f := &header.fields[i]
		if err := checkPrepared(f.Name, f.Value); err != nil {
			return nil, err
		}
		if sameName(f.Name, "Content-Length") {
			return nil, fmt.Errorf("highball: Content-Length is not part of a prepared head")
		}
		p.named = p.named || sameName(f.Name, requestIDField)
		p.fields = h1.AppendField(p.fields, f.Name, f.Value)
	}
	return p, nil
}

// PrepareErrorPage makes a Prepared of what Response.ErrorPage answers, with the fields of header, which may be nil.
func PrepareErrorPage(status int, header *Header) (*Prepared, error) {
	var h Header
	if header != nil {
		h.fields = append(h.fields, header.fields...)
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	return Prepare(status, &h, []byte(pageText(status)))
}

// bodyless reports whether a response of this status never has a body (RFC 9110, section 6.4.1).
func bodyless(status int) bool {
	return status < 200 || status == 204 || status == 304
}

// withheld reports whether a field is there to say that it is not wanted.
func withheld(f *Field) bool {
	return f.Value == "" && (sameName(f.Name, "Server") || sameName(f.Name, "Date"))
}

// framingField reports whether a field decides a message's framing or speaks of the connection, and is therefore
// never the handler's to send.
func framingField(name string) bool {
	switch len(name) {
	case 7:
		return sameName(name, "Trailer") || sameName(name, "Upgrade")
	case 10:
		return sameName(name, "Connection") || sameName(name, "Keep-Alive")
	case 17:
		return sameName(name, "Transfer-Encoding")
	case 16:
		return sameName(name, "Proxy-Connection")
	}
	return false
}
