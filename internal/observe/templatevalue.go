package observe

import (
	"strings"
	"time"
)

// namedValue is a value of a record by its name in templates.
type namedValue struct {
	name  string
	value func([]byte, *Record, scribe) []byte
}

// templateValues is the table of all values: a new one is a new line here, and one in docs/logs.md.
func templateValues() []namedValue {
	all := []namedValue{
		{"remote", func(b []byte, r *Record, _ scribe) []byte { return appendRemote(b, r) }},
		{"port", func(b []byte, r *Record, _ scribe) []byte { return appendInt(b, int64(r.Remote.Port())) }},
		{"user", func(b []byte, r *Record, _ scribe) []byte { return appendWord(b, r.User) }},
		{"time", func(b []byte, r *Record, w scribe) []byte { return w.clock.appendCommon(b, r.Time) }},
		{"time_iso", func(b []byte, r *Record, w scribe) []byte { return w.clock.appendRFC3339(b, r.Time) }},
		{"time_unix", func(b []byte, r *Record, _ scribe) []byte { return appendSeconds(b, time.Duration(r.Time.UnixNano())) }},
		{"method", func(b []byte, r *Record, _ scribe) []byte { return appendWord(b, r.Method) }},
		{"target", func(b []byte, r *Record, w scribe) []byte { return appendTargetPart(b, r.Target, w) }},
		{"path", func(b []byte, r *Record, w scribe) []byte {
			path, _, _ := strings.Cut(r.Target, "?")
			return appendTargetPart(b, path, w)
		}},
		{"query", func(b []byte, r *Record, w scribe) []byte {
			if i := strings.IndexByte(r.Target, '?'); i >= 0 {
				return appendTargetPart(b, r.Target[i:], w)
			}
			return append(b, '-')
		}},
		{"protocol", func(b []byte, r *Record, _ scribe) []byte { return append(append(b, "HTTP/1."...), '0'+r.Minor%10) }},
		{"status", func(b []byte, r *Record, _ scribe) []byte { return appendStatus(b, r.Status) }},
		{"bytes", func(b []byte, r *Record, _ scribe) []byte { return appendBytes(b, r.Bytes) }},
		{"received", func(b []byte, r *Record, _ scribe) []byte { return appendBytes(b, r.Received) }},
		{"duration", func(b []byte, r *Record, _ scribe) []byte { return appendSeconds(b, r.Duration) }},
		{"id", appendTemplateID},
		{"host", func(b []byte, r *Record, _ scribe) []byte { return appendWord(b, r.Host) }},
		{"site", func(b []byte, r *Record, _ scribe) []byte { return appendWord(b, siteOf(r)) }},
		{"route", func(b []byte, r *Record, _ scribe) []byte { return appendWord(b, pathOf(r)) }},
		{"referer", func(b []byte, r *Record, w scribe) []byte {
			return appendQuotable(b, r.Referer, w.masks.referer(), w.lowest)
		}},
		{"user_agent", func(b []byte, r *Record, w scribe) []byte {
			return appendQuotable(b, r.UserAgent, w.masks.userAgent(), w.lowest)
		}},
		{"aborted", func(b []byte, r *Record, _ scribe) []byte {
			if r.Aborted {
				return append(b, "aborted"...)
			}
			return append(b, '-')
		}},
	}
	for p := range Phase(Phases) {
		all = append(all, namedValue{"phase." + p.String(), func(b []byte, r *Record, _ scribe) []byte { return appendSeconds(b, r.Spans[p]) }})
	}
	return all
}

func appendTargetPart(dst []byte, part string, w scribe) []byte {
	return appendQuotable(dst, part, w.masks.target(), escapeSpace)
}

func appendTemplateID(dst []byte, r *Record, _ scribe) []byte {
	if r.ID.Given != "" {
		return appendWord(dst, r.ID.Given)
	}
	return r.ID.Append(dst)
}

// siteOf returns the name of the site that has answered, "" for the default one and for none.
func siteOf(r *Record) string {
	if r.Route == nil {
		return ""
	}
	return r.Route.Site
}

// pathOf returns the path of the route that has answered, "" for none.
func pathOf(r *Record) string {
	if r.Route == nil {
		return ""
	}
	return r.Route.Path
}
