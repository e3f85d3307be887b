package observe

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"
)

// Format is the layout of an access log line.
type Format uint8

const (
	// Common is the common log format, "%h %l %u %t \"%r\" %>s %b" in
	// Apache's notation. It has no place for Host, Duration and Aborted.
	Common Format = iota

	// Combined is Common followed by the Referer and User-Agent fields, each
	// between quotes.
	Combined

	// JSON is one object on a line with always the same members: time, id,
	// remote, port, user, host, method, target, protocol, status, bytes, duration,
	// referer, user_agent, aborted. The time is RFC 3339, the duration is in
	// seconds. Each character of a string stands for one byte as received
	// (its latin-1 reading): the two bytes of a UTF-8 "é" are two characters.
	// Whoever wants text encodes the string as latin-1 and decodes the result
	// as UTF-8.
	JSON
)

// ParseFormat returns the format of the given name: common, combined or json.
// The error for any other name also lists off, which is for the caller to
// recognise before.
func ParseFormat(name string) (Format, error) {
	switch name {
	case "common":
		return Common, nil
	case "combined":
		return Combined, nil
	case "json":
		return JSON, nil
	}
	return 0, fmt.Errorf("unknown access log format %q (known: common, combined, json, off)", name)
}

// String returns the name by which [ParseFormat] knows the format.
func (f Format) String() string {
	switch f {
	case Common:
		return "common"
	case Combined:
		return "combined"
	case JSON:
		return "json"
	}
	return "Format(" + strconv.Itoa(int(f)) + ")"
}

// Record is one finished request. Its strings may alias a read buffer: they
// are copied before Append returns. An empty string means that the request did
// not have, or did not get as far as, that part.
type Record struct {
	Time      time.Time // when the request's first byte arrived
	ID        RequestID
	Remote    netip.AddrPort // the client; the zero value for a unix socket
	User      string         // who made the request, as far as an access rule has found out
	Host      string         // authority the request was for
	Method    string         // empty when the head could not be parsed
	Target    string         // request target as received
	Minor     uint8          // x of HTTP/1.x
	Status    int            // of the final answer; 0 when there was none
	Bytes     int64          // body bytes sent
	Duration  time.Duration  // from Time until the answer was taken
	Spans     Spans          // the phases, whose sum is Duration
	Referer   string         // value of the Referer field
	UserAgent string         // value of the User-Agent field
	Aborted   bool           // the answer was cut short
}

// Append appends r to dst as one line, line feed included, and returns the
// extended slice. The line is printable ASCII whatever the strings of r hold:
// controls, double quotes, backslashes and bytes from 0x80 on are escaped, as
// \xHH in Common and Combined and as \u00HH in JSON. In Common and Combined
// spaces of method and target are escaped too, so that the quoted request line
// always has three words, or is "-". Append does not allocate when dst has
// room.
func (f Format) Append(dst []byte, r *Record, clock *Clock) []byte {
	switch f {
	case JSON:
		dst = appendJSON(dst, r, clock)
	case Combined:
		dst = appendCommon(dst, r, clock)
		dst = append(dst, ` "`...)
		dst = appendQuotable(dst, r.Referer)
		dst = append(dst, `" "`...)
		dst = appendQuotable(dst, r.UserAgent)
		dst = append(dst, '"')
	default:
		dst = appendCommon(dst, r, clock)
	}
	return append(dst, '\n')
}

func appendCommon(dst []byte, r *Record, clock *Clock) []byte {
	if addr := remoteAddr(r); addr.IsValid() {
		dst = addr.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, " - "...)
	if r.User == "" {
		dst = append(dst, '-')
	} else {
		dst = appendEscaped(dst, r.User, escapeHex, escapeSpace)
	}
	dst = append(dst, " ["...)
	dst = clock.appendCommon(dst, r.Time)
	dst = append(dst, `] "`...)
	if r.Method == "" {
		dst = append(dst, '-')
	} else {
		dst = appendEscaped(dst, r.Method, escapeHex, escapeSpace)
		dst = append(dst, ' ')
		if r.Target == "" {
			dst = append(dst, '-')
		}
		dst = appendEscaped(dst, r.Target, escapeHex, escapeSpace)
		dst = append(dst, " HTTP/1."...)
		dst = append(dst, '0'+r.Minor%10)
	}
	dst = append(dst, `" `...)
	dst = appendStatus(dst, r.Status)
	dst = append(dst, ' ')
	if r.Bytes > 0 {
		return strconv.AppendInt(dst, r.Bytes, 10)
	}
	return append(dst, '-')
}

// appendQuotable appends what goes between the quotes around a field value.
func appendQuotable(dst []byte, value string) []byte {
	if value == "" {
		return append(dst, '-')
	}
	return appendEscaped(dst, value, escapeHex, keepSpace)
}

// appendStatus appends the three digits that tools expect there, also for a
// request that got no answer.
func appendStatus(dst []byte, status int) []byte {
	if status < 0 || status > 999 {
		status = 0
	}
	return appendTwo(append(dst, byte('0'+status/100)), status%100)
}

func appendJSON(dst []byte, r *Record, clock *Clock) []byte {
	dst = append(dst, `{"time":"`...)
	dst = clock.appendRFC3339(dst, r.Time)
	dst = append(dst, `","id":"`...)
	if r.ID.Given != "" {
		dst = appendEscaped(dst, r.ID.Given, escapeJSON, keepSpace)
	} else {
		dst = r.ID.Append(dst)
	}
	dst = append(dst, `","remote":"`...)
	if addr := remoteAddr(r); addr.IsValid() {
		dst = addr.AppendTo(dst)
	} else {
		dst = append(dst, '-')
	}
	dst = append(dst, `","port":`...)
	dst = strconv.AppendUint(dst, uint64(r.Remote.Port()), 10)
	dst = append(dst, `,"user":"`...)
	dst = appendEscaped(dst, r.User, escapeJSON, keepSpace)
	dst = append(dst, `","host":"`...)
	dst = appendEscaped(dst, r.Host, escapeJSON, keepSpace)
	dst = append(dst, `","method":"`...)
	dst = appendEscaped(dst, r.Method, escapeJSON, keepSpace)
	dst = append(dst, `","target":"`...)
	dst = appendEscaped(dst, r.Target, escapeJSON, keepSpace)
	dst = append(dst, `","protocol":"HTTP/1.`...)
	dst = append(dst, '0'+r.Minor%10)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(r.Status), 10)
	dst = append(dst, `,"bytes":`...)
	dst = strconv.AppendInt(dst, r.Bytes, 10)
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, r.Duration)
	dst = append(dst, `,"phases":{`...)
	for p, span := range r.Spans {
		if p > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), Phase(p).String()...), `":`...)
		dst = appendSeconds(dst, span)
	}
	dst = append(dst, `},"referer":"`...)
	dst = appendEscaped(dst, r.Referer, escapeJSON, keepSpace)
	dst = append(dst, `","user_agent":"`...)
	dst = appendEscaped(dst, r.UserAgent, escapeJSON, keepSpace)
	if r.Aborted {
		return append(dst, `","aborted":true}`...)
	}
	return append(dst, `","aborted":false}`...)
}

// appendSeconds appends d in seconds with microseconds. A clock set back can
// make d negative, which reads as 0.
func appendSeconds(dst []byte, d time.Duration) []byte {
	d = max(d, 0)
	dst = strconv.AppendInt(dst, int64(d/time.Second), 10)
	dst = append(dst, '.')
	return appendMicros(dst, int(d%time.Second/time.Microsecond))
}

// remoteAddr returns the client's address as a log shows it: IPv4 as such also
// when a dual-stack socket received it, and without an IPv6 zone, which log
// readers do not know and whose text is the operating system's choice.
func remoteAddr(r *Record) netip.Addr {
	return r.Remote.Addr().Unmap().WithZone("")
}
