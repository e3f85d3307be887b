package observe

import (
	"bytes"
	"time"
)

// namedValue is a value of a request by its name in templates.
type namedValue struct {
	name  string
	value func([]byte, entry, scribe) []byte
}

// templateValues is the table of all values: a new one is a new line here, and one in docs/logs.md.
func templateValues() []namedValue {
	all := []namedValue{
		{"remote", func(b []byte, e entry, _ scribe) []byte { return appendRemote(b, e.remote) }},
		{"port", func(b []byte, e entry, _ scribe) []byte { return appendInt(b, int64(e.remote.Port())) }},
		{"user", func(b []byte, e entry, _ scribe) []byte { return appendWord(b, e.word(userWord)) }},
		{"time", func(b []byte, e entry, w scribe) []byte { return w.clock.appendCommon(b, e.time) }},
		{"time_iso", func(b []byte, e entry, w scribe) []byte { return w.clock.appendRFC3339(b, e.time) }},
		{"time_unix", func(b []byte, e entry, _ scribe) []byte { return appendSeconds(b, time.Duration(e.time.UnixNano())) }},
		{"method", func(b []byte, e entry, _ scribe) []byte { return appendWord(b, e.word(methodWord)) }},
		{"target", func(b []byte, e entry, w scribe) []byte { return appendTargetPart(b, e.word(targetWord), w) }},
		{"path", func(b []byte, e entry, w scribe) []byte {
			path, _, _ := bytes.Cut(e.word(targetWord), []byte{'?'})
			return appendTargetPart(b, path, w)
		}},
		{"query", func(b []byte, e entry, w scribe) []byte {
			target := e.word(targetWord)
			if i := bytes.IndexByte(target, '?'); i >= 0 {
				return appendTargetPart(b, target[i:], w)
			}
			return append(b, '-')
		}},
		{"protocol", func(b []byte, e entry, _ scribe) []byte { return append(append(b, "HTTP/1."...), '0'+e.minor%10) }},
		{"status", func(b []byte, e entry, _ scribe) []byte { return appendStatus(b, int(e.status)) }},
		{"bytes", func(b []byte, e entry, _ scribe) []byte { return appendBytes(b, e.bytes) }},
		{"received", func(b []byte, e entry, _ scribe) []byte { return appendBytes(b, e.received) }},
		{"duration", func(b []byte, e entry, _ scribe) []byte { return appendSeconds(b, e.duration) }},
		{"id", appendTemplateID},
		{"host", func(b []byte, e entry, _ scribe) []byte { return appendWord(b, e.word(hostWord)) }},
		{"site", func(b []byte, e entry, _ scribe) []byte { return appendWord(b, []byte(siteOf(e.route))) }},
		{"route", func(b []byte, e entry, _ scribe) []byte { return appendWord(b, []byte(pathOf(e.route))) }},
		{"referer", func(b []byte, e entry, w scribe) []byte {
			return appendQuotable(b, e.word(refererWord), w.masks.referer(), w.lowest)
		}},
		{"user_agent", func(b []byte, e entry, w scribe) []byte {
			return appendQuotable(b, e.word(agentWord), w.masks.userAgent(), w.lowest)
		}},
		{"aborted", func(b []byte, e entry, _ scribe) []byte {
			if e.aborted {
				return append(b, "aborted"...)
			}
			return append(b, '-')
		}},
	}
	for p := range Phase(Phases) {
		all = append(all, namedValue{"phase." + p.String(), func(b []byte, e entry, _ scribe) []byte { return appendSeconds(b, e.spans[p]) }})
	}
	return all
}

func appendTargetPart(dst []byte, part []byte, w scribe) []byte {
	return appendQuotable(dst, part, w.masks.target(), escapeSpace)
}

func appendTemplateID(dst []byte, e entry, _ scribe) []byte {
	if given := e.word(givenWord); len(given) > 0 {
		return appendWord(dst, given)
	}
	return e.appendID(dst)
}

// siteOf returns the name of the site that has answered, "" for the default one and for none.
func siteOf(r *Route) string {
	if r == nil {
		return ""
	}
	return r.Site
}

// pathOf returns the path of the route that has answered, "" for none.
func pathOf(r *Route) string {
	if r == nil {
		return ""
	}
	return r.Path
}
