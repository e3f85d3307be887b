package observe

import "time"

// A line of JSON is made for every request, in the turn of an event loop. So what is the same in each is appended at once, the time of day
// as far as the second is kept by the clock, and times of nothing, of which most requests have some, cost no division.

func appendJSON(dst []byte, r *Record, clock *Clock, m *Masks) []byte {
	dst = clock.appendJSONStart(dst, r.Time)
	if r.ID.Given != "" {
		dst = appendEscaped(dst, r.ID.Given, escapeJSON, keepSpace)
	} else {
		dst = r.ID.Append(dst)
	}
	dst = append(dst, `","remote":"`...)
	dst = appendRemote(dst, r)
	dst = append(dst, `","port":`...)
	dst = appendInt(dst, int64(r.Remote.Port()))
	if r.User == "" {
		dst = append(dst, `,"user":"","host":"`...)
	} else {
		dst = append(dst, `,"user":"`...)
		dst = appendEscaped(dst, r.User, escapeJSON, keepSpace)
		dst = append(dst, `","host":"`...)
	}
	dst = appendEscaped(dst, r.Host, escapeJSON, keepSpace)
	dst = append(dst, `","method":"`...)
	dst = appendEscaped(dst, r.Method, escapeJSON, keepSpace)
	dst = append(dst, `","target":"`...)
	dst = m.target().append(dst, r.Target, escapeJSON, keepSpace)
	dst = append(append(dst, `","protocol":"HTTP/1.`...), '0'+r.Minor%10)
	dst = append(dst, `","status":`...)
	dst = appendInt(dst, int64(r.Status))
	dst = append(dst, `,"bytes":`...)
	dst = appendInt(dst, r.Bytes)
	dst = append(dst, `,"received":`...)
	dst = appendInt(dst, r.Received)
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, r.Duration)
	dst = append(dst, `,"phases":`...)
	dst = appendSpans(dst, &r.Spans)
	dst = appendRoute(dst, r.Route)
	dst = append(dst, `,"referer":"`...)
	dst = m.referer().append(dst, r.Referer, escapeJSON, keepSpace)
	dst = append(dst, `","user_agent":"`...)
	dst = m.userAgent().append(dst, r.UserAgent, escapeJSON, keepSpace)
	if r.Aborted {
		return append(dst, `","aborted":true}`...)
	}
	return append(dst, `","aborted":false}`...)
}

// noSpans is the object of phases that took no time.
const noSpans = `{"head":0.000000,"body":0.000000,"queue":0.000000,"app":0.000000,"stream":0.000000,"send":0.000000}`

// appendSpans appends an object of the phases, in seconds.
func appendSpans(dst []byte, spans *Spans) []byte {
	for _, d := range spans {
		if d >= time.Second {
			return appendLongSpans(dst, spans)
		}
	}
	at := len(dst)
	dst = append(dst, noSpans...)
	object := dst[at:]
	for p, end := range [Phases]int{16, 32, 49, 64, 82, 98} {
		if d := spans[p]; d >= time.Microsecond {
			putMicros(object[end-6:end], uint32(d)/1000)
		}
	}
	return dst
}

// appendLongSpans is appendSpans for times of any length.
func appendLongSpans(dst []byte, spans *Spans) []byte {
	for p, d := range spans {
		dst = append(append(append(dst, ",\""...), Phase(p).String()...), `":`...)
		if p == 0 {
			dst[len(dst)-len(`,"head":`)] = '{'
		}
		dst = appendSeconds(dst, d)
	}
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
		return append(dst, `,"site":"","route":""`...)
	case r.json != "":
		return append(dst, r.json...)
	}
	dst = append(dst, `,"site":"`...)
	dst = appendEscaped(dst, r.Site, escapeJSON, keepSpace)
	dst = append(dst, `","route":"`...)
	dst = appendEscaped(dst, r.Path, escapeJSON, keepSpace)
	return append(dst, '"')
}
