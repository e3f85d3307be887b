package highball

import (
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"

	"highball/internal/h1"
)

// parse makes the head of a request that came by net/http: it writes the head down and reads it by our rules, so that what
// handlers rely on holds for it, too. The error is an *Error.
func (v *visit) parse(req *http.Request) (string, error) {
	b, err := appendRequest(nil, req)
	if err != nil {
		return "", &Error{400, err}
	}
	unlimited := h1.Limits{Line: math.MaxInt32, Head: math.MaxInt32, Fields: math.MaxInt32} // net/http has had its own
	switch v.head.Parse(b, &unlimited) {
	case h1.Done:
		return string(b), nil
	case h1.Failed:
		return "", &Error{v.head.Err().Status, v.head.Err()}
	}
	return "", &Error{400, errors.New("the request is no HTTP/1 head")}
}

// appendRequest appends the head of req. Since it may come from anywhere, what would break the head is refused.
func appendRequest(b []byte, req *http.Request) ([]byte, error) {
	method, target := req.Method, req.URL.RequestURI()
	if method == "" {
		method = "GET"
	}
	if method == "CONNECT" {
		target = req.Host
	}
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f }
	if !h1.ValidFieldName(method) || strings.ContainsFunc(target, odd) {
		return nil, errors.New("malformed request line")
	}
	if b = h1.AppendRequestLine(b, method, target); !req.ProtoAtLeast(1, 1) {
		b = append(b[:len(b)-len("1\r\n")], "0\r\n"...)
	}
	for name, value := range requestFields(req) {
		if !h1.ValidFieldName(name) || !h1.ValidFieldValue(value) {
			return nil, errors.New("malformed field")
		}
		b = h1.AppendField(b, name, value)
	}
	if length := req.Header.Get("Content-Length"); length != "" && req.ContentLength >= 0 {
		b = h1.AppendFieldInt(b, "Content-Length", req.ContentLength)
	}
	return h1.AppendEnd(b), nil
}

// requestFields yields the fields of a request, those included that net/http has taken out of the header, but for
// Content-Length.
func requestFields(req *http.Request) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		if req.Host != "" && !yield("Host", req.Host) {
			return
		}
		for _, name := range slices.Sorted(maps.Keys(req.Header)) {
			switch name {
			case "Host", "Content-Length", "Transfer-Encoding":
				continue
			}
			for _, value := range req.Header[name] {
				if !yield(name, strings.Trim(value, " \t")) {
					return
				}
			}
		}
		if req.ContentLength < 0 && req.ProtoAtLeast(1, 1) && !yield("Transfer-Encoding", "chunked") {
			return
		}
		if names := slices.Sorted(maps.Keys(req.Trailer)); len(names) > 0 {
			yield("Trailer", strings.Join(names, ", "))
		}
	}
}
