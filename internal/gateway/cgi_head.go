package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"highball"
)

// maxScriptHead is the size up to which the header block of a script is read.
const maxScriptHead = 64 << 10

// errNoHead tells that a script has printed something else than a header block.
var errNoHead = errors.New("the script has printed no header block: it should begin with a line such as " +
	`"Content-Type: text/html" and an empty one (lenient mode takes output without them)`)

// scriptHead is what the header block of a script says (RFC 3875, section 6).
type scriptHead struct {
	responseHead
	location string // of a redirect
	local    bool   // location is to be answered by this server: a path, without a status
}

// headEnd returns the length of the header block at the start of b, with the empty line that ends it. The block is
// incomplete while that is 0, and something else if the error is errNoHead.
func headEnd(b []byte, nph bool) (int, error) {
	for at := 0; ; {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			if len(b) > maxScriptHead {
				return 0, fmt.Errorf("the header block of the script is longer than %d bytes: %w", maxScriptHead, errNoHead)
			}
			return 0, nil
		}
		line := bytes.TrimSuffix(b[at:at+n], []byte{'\r'})
		first := at == 0
		at += n + 1
		switch {
		case at > maxScriptHead:
			return 0, fmt.Errorf("the header block of the script is longer than %d bytes: %w", maxScriptHead, errNoHead)
		case len(line) == 0 && first:
			return 0, errNoHead
		case len(line) == 0:
			return at, nil
		case first && nph:
		case first && bytes.HasPrefix(line, []byte("HTTP/")):
			return 0, fmt.Errorf("the script begins with a status line, which is for scripts named nph-: others print \"Status: 200 OK\": %w", errNoHead)
		case bytes.IndexByte(line, ':') <= 0:
			return 0, fmt.Errorf("line %.100q: %w", line, errNoHead)
		}
	}
}

// parseScriptHead parses a header block that headEnd has found. The error is errNoHead if it may well be something else.
func parseScriptHead(block string, nph bool) (*scriptHead, error) {
	h := &scriptHead{responseHead: responseHead{length: -1}}
	var err error
	if nph {
		var line string
		line, block, _ = strings.Cut(block, "\n")
		version, status, _ := strings.Cut(strings.TrimSuffix(line, "\r"), " ")
		if !strings.HasPrefix(version, "HTTP/") {
			return nil, fmt.Errorf("the script is named nph-, but does not begin with a status line such as %q: %.100q", "HTTP/1.1 200 OK", line)
		}
		if h.status, err = parseStatus(status); err != nil {
			return nil, err
		}
	}
	typed := false
	for block != "" {
		var line string
		line, block, _ = strings.Cut(block, "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.Trim(value, " \t")
		if err := checkField(name, value); err != nil {
			if !typed && h.status == 0 && h.location == "" && len(h.fields) == 0 {
				err = errors.Join(err, errNoHead) // text with a colon
			}
			return nil, err
		}
		switch {
		case strings.EqualFold(name, "Status") && nph:
		case strings.EqualFold(name, "Status"):
			if h.status != 0 {
				return nil, errors.New("the script's header block has two fields Status")
			}
			if h.status, err = parseStatus(value); err != nil {
				return nil, err
			}
		case strings.EqualFold(name, "Location"):
			if h.location != "" || value == "" {
				return nil, errors.New("the script's header block should have one field Location with a value")
			}
			h.location = value
		case strings.EqualFold(name, "Content-Length"):
			if h.length >= 0 {
				return nil, errors.New("the script's header block has two fields Content-Length")
			}
			if h.length, err = parseLength(value); err != nil {
				return nil, err
			}
		case strings.EqualFold(name, "Transfer-Encoding"):
			return nil, errors.New("the script has a field Transfer-Encoding: how a body is sent is for the server to choose")
		case hopByHop(name) || len(name) >= 6 && strings.EqualFold(name[:6], "X-CGI-"): // not for the client (sections 6.3.4, 6.3.5)
		default:
			if strings.EqualFold(name, "Content-Type") {
				if typed {
					return nil, errors.New("the script's header block has two fields Content-Type")
				}
				typed = true
			}
			h.fields = append(h.fields, highball.Field{Name: name, Value: value})
		}
	}
	if !typed && h.status == 0 && h.location == "" {
		return nil, fmt.Errorf("there is none of Content-Type, Location and Status: %w", errNoHead)
	}
	h.complete()
	return h, nil
}

// complete settles what follows from the fields.
func (h *scriptHead) complete() {
	if h.location != "" {
		h.local = h.status == 0 && h.location[0] == '/' && !strings.HasPrefix(h.location, "//")
		h.fields = append(h.fields, highball.Field{Name: "Location", Value: h.location})
		if h.status == 0 {
			h.status = 302 // RFC 3875, section 6.2.3
		}
	}
	if h.status == 0 {
		h.status = 200
	}
	if h.bodyless() {
		h.length = -1
	}
}

// lenientHead is the head of output that has none.
func lenientHead() *scriptHead {
	return &scriptHead{responseHead: responseHead{
		status: 200, length: -1, fields: []highball.Field{{Name: "Content-Type", Value: "text/html"}},
	}}
}
