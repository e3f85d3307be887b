package observe

import "time"

// A line of JSON is made for every request, in the turn of an event loop. So what is the same in each is appended at once, the time of day
// as far as the second is kept by the clock; and what says nothing, as most members do in most requests, is left out.

func appendJSON(dst []byte, r *Record, clock *Clock, m *Masks) []byte {
	dst = clock.appendJSONStart(dst, r.Time)
	if r.ID.Given != "" {
		dst = appendEscaped(dst, r.ID.Given, escapeJSON, keepSpace)
	} else {
		dst = r.ID.Append(dst)
	}
	dst = append(dst, `","remote":"`...)
	dst = appendRemote(dst, r)
	dst = append(dst, '"')
	if port := r.Remote.Port(); port != 0 {
		dst = append(dst, `,"port":`...)
		dst = appendInt(dst, int64(port))
	}
	if r.User != "" {
		dst = append(dst, `,"user":"`...)
		dst = appendEscaped(dst, r.User, escapeJSON, keepSpace)
		dst = append(dst, '"')
	}
	if r.Host != "" {
		dst = append(dst, `,"host":"`...)
		dst = appendEscaped(dst, r.Host, escapeJSON, keepSpace)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"method":"`...)
	dst = appendEscaped(dst, r.Method, escapeJSON, keepSpace)
	dst = append(dst, `","target":"`...)
	dst = m.target().append(dst, r.Target, escapeJSON, keepSpace)
	dst = append(append(dst, `","protocol":"HTTP/1.`...), '0'+r.Minor%10)
	dst = append(dst, `","status":`...)
	dst = appendInt(dst, int64(r.Status))
	dst = append(dst, `,"bytes":`...)
	dst = appendInt(dst, r.Bytes)
	if r.Received > 0 {
		dst = append(dst, `,"received":`...)
		dst = appendInt(dst, r.Received)
	}
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, r.Duration)
	dst = append(dst, `,"phases":`...)
	dst = appendSpans(dst, &r.Spans)
	dst = appendRoute(dst, r.Route)
	if r.Referer != "" {
		dst = append(dst, `,"referer":"`...)
		dst = m.referer().append(dst, r.Referer, escapeJSON, keepSpace)
		dst = append(dst, '"')
	}
	if r.UserAgent != "" {
		dst = append(dst, `,"user_agent":"`...)
		dst = m.userAgent().append(dst, r.UserAgent, escapeJSON, keepSpace)
		dst = append(dst, '"')
	}
	if r.Aborted {
		dst = append(dst, `,"aborted":true`...)
	}
	return append(dst, '}')
}

// phaseMembers are the members of [appendSpans], with a comma before and no time.
var phaseMembers = [Phases]string{
	`,"head":0.000000`, `,"body":0.000000`, `,"queue":0.000000`, `,"app":0.000000`, `,"stream":0.000000`, `,"send":0.000000`,
}

// appendSpans appends an object of the phases that took a microsecond or more, in seconds.
func appendSpans(dst []byte, spans *Spans) []byte {
	at := len(dst)
	for p, d := range spans {
		switch {
		case d < time.Microsecond:
		case d < time.Second:
			dst = append(dst, phaseMembers[p]...)
			putMicros(dst[len(dst)-6:], uint32(d)/1000)
		default:
			member := phaseMembers[p]
			dst = appendSeconds(append(dst, member[:len(member)-len("0.000000")]...), d)
		}
	}
	if len(dst) == at {
		return append(dst, "{}"...)
	}
	dst[at] = '{'
	return append(dst, '}')
}

// appendSeconds appends d in seconds with microseconds. A clock set back can
// make d negative, which reads as 0.
func appendSeconds(dst []byte, d time.Duration) []byte {
	switch {
	case d < time.Microsecond:
		return append(dst, "0.000000"...)
	case d < time.Second:
		dst = append(dst, "0.000000"...)
		putMicros(dst[len(dst)-6:], uint32(d)/1000)
		return dst
	}
	dst = appendInt(dst, int64(d/time.Second))
	return appendMicros(append(dst, '.'), int(d%time.Second/time.Microsecond))
}

// appendRoute appends the members for what has answered.
func appendRoute(dst []byte, r *Route) []byte {
	switch {
	case r == nil:
		return dst
	case r.json != "":
		return append(dst, r.json...)
	}
	if r.Site != "" {
		dst = append(dst, `,"site":"`...)
		dst = append(appendEscaped(dst, r.Site, escapeJSON, keepSpace), '"')
	}
	if r.Path != "" {
		dst = append(dst, `,"route":"`...)
		dst = append(appendEscaped(dst, r.Path, escapeJSON, keepSpace), '"')
	}
	return dst
}
