package observe

import (
	"slices"
	"time"
)

// A line of JSON is made for every request. So the time of day, as far as the second, is kept by the clock with all that stands before it and
// behind it; whether there is anything to escape is asked of all texts at once; text of the line is in pieces of at most 16 bytes, which the compiler moves
// without a call; and what says nothing, as most members do in most requests, is left out.

func appendJSON(dst []byte, e entry, clock *Clock, m *Masks) []byte {
	dst = clock.appendJSONStart(dst, e.time)
	plain := isPlain(e.texts, keepSpace)
	if given := e.word(givenWord); len(given) > 0 {
		dst = appendEscaped(dst, given, escapeJSON, keepSpace)
	} else {
		dst = e.appendID(dst)
	}
	dst = append(dst, `","remote":"`...)
	dst = appendRemote(dst, e.remote)
	dst = append(dst, '"')
	if port := e.remote.Port(); port != 0 {
		dst = append(dst, `,"port":`...)
		dst = appendInt(dst, int64(port))
	}
	if user := e.word(userWord); len(user) > 0 {
		dst = append(dst, `,"user":"`...)
		dst = appendString(dst, user, plain)
		dst = append(dst, '"')
	}
	if host := e.word(hostWord); len(host) > 0 {
		dst = append(dst, `,"host":"`...)
		dst = appendString(dst, host, plain)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"method":"`...)
	dst = appendString(dst, e.word(methodWord), plain)
	dst = append(dst, `","target":"`...)
	dst = m.target().appendString(dst, e.word(targetWord), plain)
	dst = appendAnswer(dst, e.minor, e.status)
	dst = appendInt(dst, e.bytes)
	if e.received > 0 {
		dst = append(dst, `,"received":`...)
		dst = appendInt(dst, e.received)
	}
	dst = appendDuration(dst, e.duration)
	dst = appendSpans(dst, &e.spans)
	dst = appendRoute(dst, e.route)
	if referer := e.word(refererWord); len(referer) > 0 {
		dst = append(dst, `,"referer":"`...)
		dst = m.referer().appendString(dst, referer, plain)
		dst = append(dst, '"')
	}
	if agent := e.word(agentWord); len(agent) > 0 {
		dst = append(dst, `,"user_agent":"`...)
		dst = m.userAgent().appendString(dst, agent, plain)
		dst = append(dst, '"')
	}
	if e.aborted {
		dst = append(dst, `,"aborted":true`...)
	}
	return append(dst, '}')
}

// appendAnswer appends the members from the end of the target's value to the beginning of that of bytes.
func appendAnswer(dst []byte, minor uint8, status int32) []byte {
	dst = append(append(dst, `","protocol":"HT`...), `TP/1.`...)
	dst = append(append(dst, '0'+minor%10), `","status":`...)
	dst = appendInt(dst, int64(status))
	return append(dst, `,"bytes":`...)
}

// appendDuration appends the members from the end of bytes' value to the beginning of that of phases.
func appendDuration(dst []byte, d time.Duration) []byte {
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, d)
	return append(dst, `,"phases":`...)
}

// phaseMember is the beginning of a member of [appendSpans], with a comma before and as far as it is the same for all times below a second.
type phaseMember struct {
	text [16]byte
	size int
}

var phaseMembers = newPhaseMembers()

func newPhaseMembers() (all [Phases]phaseMember) {
	for p := range all {
		all[p].size = copy(all[p].text[:], `,"`+Phase(p).String()+`":0.`)
	}
	return all
}

// appendSpans appends an object of the phases that took a microsecond or more, in seconds.
func appendSpans(dst []byte, spans *Spans) []byte {
	at := len(dst)
	for p, d := range spans {
		if d < time.Microsecond {
			continue
		}
		member := &phaseMembers[p]
		if d >= time.Second {
			dst = appendSeconds(append(dst, member.text[:member.size-len("0.")]...), d)
			continue
		}
		const room = len(member.text) + len("000000")
		dst = slices.Grow(dst, room)
		b := dst[len(dst) : len(dst)+room]
		*(*[len(member.text)]byte)(b) = member.text // what is too much will be written over
		putMicros(b[member.size:], uint32(d)/1000)
		dst = dst[:len(dst)+member.size+len("000000")]
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
		dst = append(appendEscaped(dst, []byte(r.Site), escapeJSON, keepSpace), '"')
	}
	if r.Path != "" {
		dst = append(dst, `,"route":"`...)
		dst = append(appendEscaped(dst, []byte(r.Path), escapeJSON, keepSpace), '"')
	}
	return dst
}

// appendString appends what stands between quotes. plain tells that nothing of it is to be escaped.
func appendString(dst, s []byte, plain bool) []byte {
	if plain {
		return append(dst, s...)
	}
	return appendEscaped(dst, s, escapeJSON, keepSpace)
}
