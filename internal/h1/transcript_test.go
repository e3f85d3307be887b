package h1

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the events in testdata")

// transcript is one case of a testdata file. In the file it is a heading, "@ METHOD" for the request that a
// response answers, the bytes as "< " lines with Go's escapes, and the events as "> " lines.
type transcript struct {
	name    string
	request string
	source  []string
	input   []byte
	events  []string
}

func readTranscripts(t testing.TB, path string) []transcript {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []transcript
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "=== "); ok {
			all = append(all, transcript{name: name, request: "GET"})
			continue
		}
		if line == "" {
			continue
		}
		last := &all[len(all)-1]
		mark, rest := line[:2], line[2:]
		switch mark {
		case "@ ":
			last.request = rest
		case "< ":
			last.source = append(last.source, rest)
			last.input = append(last.input, unescape(t, rest)...)
		case "> ":
			last.events = append(last.events, rest)
		default:
			t.Fatalf("%s: stray line %q", path, line)
		}
	}
	return all
}

func unescape(t testing.TB, line string) (raw []byte) {
	t.Helper()
	for line != "" {
		c, _, rest, err := strconv.UnquoteChar(line, 0)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		raw = append(raw, byte(c))
		line = rest
	}
	return raw
}

func writeTranscripts(t *testing.T, path string, all []transcript) {
	t.Helper()
	var out strings.Builder
	for i, c := range all {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "=== %s\n", c.name)
		if c.request != "GET" {
			fmt.Fprintf(&out, "@ %s\n", c.request)
		}
		for _, line := range c.source {
			fmt.Fprintf(&out, "< %s\n", line)
		}
		for _, event := range c.events {
			fmt.Fprintf(&out, "> %s\n", event)
		}
	}
	if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stage is what a stream expects next.
type stage uint8

const (
	stageHead stage = iota
	stageLength
	stageChunks
	stageRest
	stageFailed
)

// stream reads messages one after the other, as a connection does: it keeps the bytes of an incomplete head, moves
// them when more arrive, and passes body bytes on as they come.
type stream struct {
	t      *testing.T
	first  stage
	answer bool // responses, to requests with the method
	method Method
	lim    *Limits

	stage  stage
	buf    []byte
	head   Head
	resp   ResponseHead
	chunks Chunked
	left   int64
	body   []byte
	inBody bool
	events []string
}

func (s *stream) event(format string, args ...any) {
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

func (s *stream) feed(part []byte) {
	s.buf = append(bytes.Clone(s.buf), part...)
	for s.advance() {
	}
}

// finish closes the transcript with what the stream still waits for.
func (s *stream) finish() []string {
	waiting := s.inBody || len(s.buf) > 0 || s.stage != s.first
	s.endBody()
	if waiting && s.stage != stageFailed && s.stage != stageRest {
		s.event("more")
	}
	return s.events
}

func (s *stream) fail(err *Error) bool {
	s.endBody()
	s.stage = stageFailed
	s.event("fail %d %s", err.Status, err.Reason)
	return false
}

func (s *stream) endBody() {
	if s.inBody {
		s.event("body %q", s.body)
	}
	s.inBody, s.body = false, nil
}

// advance does what it can with the buffered bytes and reports whether it may be called again.
func (s *stream) advance() bool {
	switch s.stage {
	case stageHead:
		if len(s.buf) == 0 {
			return false
		}
		if s.answer {
			return s.advanceResponse()
		}
		return s.advanceRequest()
	case stageLength:
		n := min(s.left, int64(len(s.buf)))
		s.body = append(s.body, s.buf[:n]...)
		s.buf = s.buf[n:]
		s.left -= n
		if s.left > 0 {
			return false
		}
		s.endBody()
		s.stage = s.first
		return true
	case stageChunks:
		return s.advanceChunks()
	case stageRest:
		s.body = append(s.body, s.buf...)
		s.buf = nil
	}
	return false
}

func (s *stream) advanceRequest() bool {
	switch s.head.Parse(s.buf, s.lim) {
	case NeedData:
		return false
	case Failed:
		if s.head.Parse(s.buf, s.lim) != Failed {
			s.t.Error("failure does not last")
		}
		return s.fail(s.head.Err())
	}
	if s.head.Parse(s.buf, s.lim) != Done {
		s.t.Error("completion does not last")
	}
	s.event("%s", describeRequest(&s.head, string(s.buf)))
	s.startBody(&s.head.Message)
	s.head.Reset()
	return true
}

func (s *stream) advanceResponse() bool {
	switch s.resp.Parse(s.buf, s.lim) {
	case NeedData:
		return false
	case Failed:
		if s.resp.Parse(s.buf, s.lim) != Failed {
			s.t.Error("failure does not last")
		}
		return s.fail(s.resp.Err())
	}
	if s.resp.Parse(s.buf, s.lim) != Done {
		s.t.Error("completion does not last")
	}
	r := &s.resp
	s.event("1.%d %d reason %q length %d%s", r.Minor, r.Status, r.Reason.String(string(s.buf)), r.ContentLength, describeMessage(&r.Message, string(s.buf)))
	s.startBody(&r.Message)
	r.Reset(s.method)
	return true
}

func (s *stream) startBody(m *Message) {
	s.buf = s.buf[m.Size:]
	s.inBody = m.Framing != NoBody
	switch m.Framing {
	case Length:
		s.stage, s.left = stageLength, m.ContentLength
	case ChunkedBody:
		s.stage = stageChunks
		s.chunks.Reset(s.lim)
	case UntilClose:
		s.stage = stageRest
	}
}

func (s *stream) advanceChunks() bool {
	if len(s.buf) == 0 {
		return false
	}
	s.inBody = true
	payload, n, v := s.chunks.Decode(s.buf)
	if v == Failed {
		if _, _, again := s.chunks.Decode(s.buf); again != Failed {
			s.t.Error("failure does not last")
		}
		return s.fail(s.chunks.Err())
	}
	s.body = append(s.body, payload...)
	s.buf = s.buf[n:]
	if v == NeedData {
		return len(s.buf) > 0
	}
	if _, n, again := s.chunks.Decode(s.buf); again != Done || n != 0 {
		s.t.Error("completion does not last")
	}
	s.endBody()
	section, fields := s.chunks.Trailers()
	for _, f := range fields {
		s.event("trailer %q: %q", f.Name.Bytes(section), f.Value.Bytes(section))
	}
	s.chunks.Reset(s.lim)
	s.stage = s.first
	return true
}

func describeRequest(h *Head, head string) string {
	forms := [...]string{"origin", "absolute", "authority", "asterisk"}
	var out strings.Builder
	fmt.Fprintf(&out, "1.%d %s(%s) %s %q path %q", h.Minor, h.Method.String(head), h.Known, forms[h.Form], h.Target.String(head), h.Path.String(head))
	if h.HasQuery {
		fmt.Fprintf(&out, " query %q", h.Query.String(head))
	}
	if h.Scheme.Len > 0 {
		fmt.Fprintf(&out, " scheme %q", h.Scheme.String(head))
	}
	fmt.Fprintf(&out, " host %q", h.Host.String(head))
	if h.ContentLength != 0 {
		fmt.Fprintf(&out, " length %d", h.ContentLength)
	}
	if h.KeepAlive {
		out.WriteString(" keep-alive")
	}
	if h.Expect100 {
		out.WriteString(" expect-100")
	}
	return out.String() + describeMessage(&h.Message, head)
}

func describeMessage(m *Message, head string) string {
	var out strings.Builder
	fmt.Fprintf(&out, " framing %s", [...]string{"none", "length", "chunked", "until-close"}[m.Framing])
	if m.Close {
		out.WriteString(" close")
	}
	if m.Upgrade {
		out.WriteString(" upgrade")
	}
	fmt.Fprintf(&out, " size %d", m.Size)
	for _, f := range m.Fields {
		fmt.Fprintf(&out, " [%s: %q]", f.Name.String(head), f.Value.String(head))
	}
	return out.String()
}

// run feeds the parts to a new stream and returns the events.
func (c transcript) run(t *testing.T, kind string, lim *Limits, parts ...[]byte) []string {
	s := &stream{t: t, lim: lim, answer: kind == "response", method: MethodOf(c.request)}
	if kind == "chunked" {
		s.first = stageChunks
	}
	s.stage = s.first
	s.resp.Reset(s.method)
	for _, part := range parts {
		s.feed(part)
	}
	return s.finish()
}

func eachByte(b []byte) (parts [][]byte) {
	for i := range b {
		parts = append(parts, b[i:i+1])
	}
	return parts
}

func TestTranscripts(t *testing.T) {
	for _, kind := range []string{"request", "response", "chunked"} {
		path := "testdata/" + kind + ".txt"
		all := readTranscripts(t, path)
		if *update {
			for i := range all {
				all[i].events = all[i].run(t, kind, nil, all[i].input)
			}
			writeTranscripts(t, path, all)
		}
		for _, c := range all {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				check := func(how string, want, got []string) {
					t.Helper()
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s (-want +got):\n%s", how, diff)
					}
				}
				check("whole", c.events, c.run(t, kind, nil, c.input))
				check("byte by byte", c.events, c.run(t, kind, nil, eachByte(c.input)...))
				for i := range c.input {
					check(fmt.Sprintf("split at %d", i), c.events, c.run(t, kind, nil, c.input[:i], c.input[i:]))
				}
				switch last := c.events[len(c.events)-1]; {
				case strings.HasPrefix(last, "fail"):
					check("trailing", c.events, c.run(t, kind, nil, append(c.input, "GE"...)))
				case last != "more" && kind == "request":
					want := append(slices.Clone(c.events), "more")
					check("trailing", want, c.run(t, kind, nil, append(c.input, "GE"...)))
				}
			})
		}
	}
}
