package observe

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Format is the layout of an access log line. The zero Format is [Common].
// Formats are values; two are equal if they are the same.
type Format struct {
	layout   layout
	template *template // of layoutTemplate
}

// layout is a way to lay out a line.
type layout uint8

const (
	layoutCommon layout = iota
	layoutCombined
	layoutJSON
	layoutTemplate
)

// The formats that have a name, not to be changed.
var (
	// Common is the common log format, "%h %l %u %t \"%r\" %>s %b" in
	// Apache's notation. It has no place for Host, Duration and Aborted.
	Common = Format{layout: layoutCommon}

	// Combined is Common followed by the Referer and User-Agent fields, each
	// between quotes.
	Combined = Format{layout: layoutCombined}

	// JSON is one object on a line with always the same members: time, id,
	// remote, port, user, host, method, target, protocol, status, bytes,
	// received, duration, phases, site, route, referer, user_agent, aborted.
	// The time is RFC 3339, the duration and the phases, an object with a
	// member for each, are in seconds; bytes are those of the answer's body
	// and received those of the request's. Each character of a string stands
	// for one byte as received
	// (its latin-1 reading): the two bytes of a UTF-8 "é" are two characters.
	// Whoever wants text encodes the string as latin-1 and decodes the result
	// as UTF-8.
	JSON = Format{layout: layoutJSON}
)

// ParseFormat returns the format of the given name, common, combined or json,
// or the one that a template describes, see [TemplateNames]. A template is known
// by its braces. The error for any other name also lists off, which is for the
// caller to recognise before.
func ParseFormat(text string) (Format, error) {
	switch text {
	case "common":
		return Common, nil
	case "combined":
		return Combined, nil
	case "json":
		return JSON, nil
	}
	if !strings.ContainsAny(text, "{}") {
		return Format{}, fmt.Errorf("unknown access log format %q (known: common, combined, json, off, and templates such as \"{remote} {status}\")", text)
	}
	t, err := parseTemplate(text)
	if err != nil {
		return Format{}, err
	}
	return Format{layoutTemplate, t}, nil
}

// String returns what [ParseFormat] makes the format of.
func (f Format) String() string {
	switch f.layout {
	case layoutCombined:
		return "combined"
	case layoutJSON:
		return "json"
	case layoutTemplate:
		return f.template.text
	}
	return "common"
}

// Record is one finished request. Its strings may alias a read buffer: they
// are copied before Append returns. An empty string means that the request did
// not have, or did not get as far as, that part.
type Record struct {
	Time        time.Time // when the request's first byte arrived
	ID          RequestID
	Remote      netip.AddrPort // the client; the zero value for a unix socket
	User        string         // who made the request, as far as an access rule has found out
	Host        string         // authority the request was for
	Method      string         // empty when the head could not be parsed
	Target      string         // request target as received
	Minor       uint8          // x of HTTP/1.x
	Status      int            // of the final answer; 0 when there was none
	Bytes       int64          // body bytes sent
	Duration    time.Duration  // from Time until the answer was taken
	Spans       Spans          // the phases, whose sum is Duration
	Referer     string         // value of the Referer field
	UserAgent   string         // value of the User-Agent field
	Aborted     bool           // the answer was cut short
	Received    int64          // bytes of the request's body that were read
	Route       *Route         // nil for none
	Stack       string         // where the program was when the request had become slow; empty if nobody has looked
	Wire        *Wire          // nil unless a sink has asked for it
	Traceparent string         // value of the field of that name, if there is one and no second; else empty (W3C Trace Context)
	Tracestate  string         // value of the Tracestate field; several, joined by commas
}

// append appends a request to dst as one line, line feed included, with its secrets
// masked, and returns the extended slice. The line is printable ASCII whatever the texts hold:
// controls, double quotes, backslashes and bytes from 0x80 on are escaped, as
// \u00HH in JSON and as \xHH in the other formats. In Common and Combined
// spaces of method and target are escaped too, so that the quoted request line
// always has three words, or is "-"; in a template those of everything that does
// not stand between quotes. It does not allocate when dst has room.
func (f Format) append(dst []byte, e entry, clock *Clock, m *Masks) []byte {
	switch f.layout {
	case layoutJSON:
		dst = appendJSON(dst, e, clock, m)
	case layoutTemplate:
		dst = f.template.append(dst, e, clock, m)
	case layoutCombined:
		dst = appendCommon(dst, e, clock, m)
		dst = append(dst, ` "`...)
		dst = appendQuotable(dst, e.word(refererWord), m.referer(), keepSpace)
		dst = append(dst, `" "`...)
		dst = appendQuotable(dst, e.word(agentWord), m.userAgent(), keepSpace)
		dst = append(dst, '"')
	default:
		dst = appendCommon(dst, e, clock, m)
	}
	return append(dst, '\n')
}

func appendCommon(dst []byte, e entry, clock *Clock, m *Masks) []byte {
	dst = appendRemote(dst, e.remote)
	dst = append(dst, " - "...)
	dst = appendWord(dst, e.word(userWord))
	dst = append(dst, " ["...)
	dst = clock.appendCommon(dst, e.time)
	dst = append(dst, `] "`...)
	if method := e.word(methodWord); len(method) == 0 {
		dst = append(dst, '-')
	} else {
		dst = appendEscaped(dst, method, escapeHex, escapeSpace)
		dst = append(dst, ' ')
		dst = appendQuotable(dst, e.word(targetWord), m.target(), escapeSpace)
		dst = append(dst, " HTTP/1."...)
		dst = append(dst, '0'+e.minor%10)
	}
	dst = append(dst, `" `...)
	dst = appendStatus(dst, int(e.status))
	dst = append(dst, ' ')
	return appendBytes(dst, e.bytes)
}

// appendRemote appends the client's address, or "-".
func appendRemote(dst []byte, remote netip.AddrPort) []byte {
	addr := remote.Addr()
	if addr.Is4() {
		return appendIPv4(dst, addr.As4())
	}
	if addr = remoteAddr(remote); !addr.IsValid() {
		return append(dst, '-')
	}
	return addr.AppendTo(dst)
}

// remoteAddr returns the client's address as a log shows it: IPv4 as such also
// when a dual-stack socket received it, and without an IPv6 zone, which log
// readers do not know and whose text is the operating system's choice.
func remoteAddr(remote netip.AddrPort) netip.Addr {
	return remote.Addr().Unmap().WithZone("")
}

// appendWord appends a value that no spaces may split, or "-".
func appendWord(dst, value []byte) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return appendEscaped(dst, value, escapeHex, escapeSpace)
}

// appendQuotable appends a field value or a target, or "-".
func appendQuotable(dst, value []byte, h hiding, lowest byte) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return h.append(dst, value, escapeHex, lowest)
}

// appendBytes appends a number of bytes as the common log format has it: none are "-".
func appendBytes(dst []byte, n int64) []byte {
	if n > 0 {
		return appendInt(dst, n)
	}
	return append(dst, '-')
}

// appendStatus appends the three digits that tools expect there, also for a
// request that got no answer.
func appendStatus(dst []byte, status int) []byte {
	if status < 0 || status > 999 {
		status = 0
	}
	return appendTwo(append(dst, byte('0'+status/100)), status%100)
}
