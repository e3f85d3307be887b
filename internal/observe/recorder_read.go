package observe

import (
	"bytes"
	"net/netip"
	"slices"
	"time"
)

// Exchange is a request with its answer, as a [Recorder] shows it: secrets are masked, and all texts but the bodies are printable ASCII and line feeds.
type Exchange struct {
	ID       string
	Time     time.Time  // of the request's first byte
	Client   netip.Addr // the zero value for a unix socket
	User     string
	Method   string
	Target   string
	Host     string
	Route    *Route
	Status   int // 0 for no answer
	Duration time.Duration
	Spans    Spans
	Sent     int64 // bytes of the answer's body
	Received int64 // bytes of the request's body
	Aborted  bool
	Kept     bool // as it has failed, or on demand
	Stack    string

	// What was on the wire, without the framing of chunks; all of it is empty if nobody has looked. Bodies are the first KiB. The head of the answer
	// has those of interim responses before it.
	RequestHead  string
	RequestBody  []byte
	ResponseHead string
	ResponseBody []byte
}

// Original is a request as it was received, secrets included.
type Original struct {
	Method  string
	Host    string
	Remote  netip.AddrPort
	Route   *Route
	Status  int // of its answer
	Head    []byte
	Body    []byte
	HeadCut bool // there was more of the head, or it did not arrive whole
	BodyCut bool // there was more of the body
}

// RecentFilter says which exchanges are wanted. Its zero value wants all of them.
type RecentFilter struct {
	Status func(status int) bool // nil wants every one
	Path   string                // the beginning of the target
}

func (f RecentFilter) matches(g *exchangeRing, e *recorded) bool {
	return (f.Status == nil || f.Status(int(e.status))) && (f.Path == "" || bytes.HasPrefix(g.textOf(e, targetText), []byte(f.Path)))
}

// recalled is a copy of what a ring has.
type recalled struct {
	recorded
	kept bool
	text []byte
}

// find returns at most limit exchanges that match, the latest first, without what was on the wire. A loop that has something to record waits meanwhile for as
// long as its own exchanges are looked through, so nothing is made of them there.
func (r *Recorder) find(limit int, matches func(*exchangeRing, *recorded) bool) (all []recalled) {
	for _, s := range r.shards {
		s.mu.Lock()
		all = s.recent.collect(all, limit, matches)
		from := len(all)
		all = s.kept.collect(all, limit, matches)
		s.mu.Unlock()
		for i := range all[from:] {
			all[from+i].kept = true
		}
	}
	slices.SortStableFunc(all, func(a, b recalled) int { return b.time.Compare(a.time) })
	return all[:min(limit, len(all))]
}

// collect appends copies of at most limit exchanges.
func (g *exchangeRing) collect(all []recalled, limit int, matches func(*exchangeRing, *recorded) bool) []recalled {
	for i := 0; i < g.n && limit > 0; i++ {
		if e := g.latest(i); matches(g, e) {
			all = append(all, recalled{recorded: *e, text: bytes.Clone(g.text[e.at : e.at+e.offset(summaryTexts)])})
			limit--
		}
	}
	return all
}

// findID returns the latest exchange of an id, with what was on the wire.
func (r *Recorder) findID(id string) (found recalled, ok bool) {
	for _, s := range r.shards {
		s.mu.Lock()
		for _, g := range []*exchangeRing{&s.recent, &s.kept} {
			if e := g.ofID(id); e != nil && (!ok || e.time.After(found.time)) {
				found, ok = recalled{recorded: *e, kept: g == &s.kept, text: bytes.Clone(g.text[e.at : e.at+e.offset(texts)])}, true
			}
		}
		s.mu.Unlock()
	}
	return found, ok
}

func (g *exchangeRing) ofID(id string) *recorded {
	var scratch [2*wordBound + 64]byte
	for i := range g.n {
		e := g.latest(i)
		if string(e.appendID(scratch[:0], g.textOf(e, givenText), g.textOf(e, epochText))) == id {
			return e
		}
	}
	return nil
}

// appendID appends the id of an exchange, as [RequestID.Append] does.
func (e *recorded) appendID(dst, given, epoch []byte) []byte {
	if len(given) > 0 {
		return append(dst, given...)
	}
	id := RequestID{Connection: e.connection, Number: e.number}
	return id.Append(append(dst, epoch...))
}

// part returns a text.
func (t *recalled) part(which int) []byte {
	from := t.offset(which)
	return t.text[from : from+int(t.size[which])]
}

// summary returns the exchange without what was on the wire.
func (t *recalled) summary(m *Masks) Exchange {
	return Exchange{
		ID: string(t.appendID(nil, t.part(givenText), t.part(epochText))), Time: t.time, Client: t.remote.Addr().Unmap().WithZone(""), User: shown(t.part(userText)),
		Method: shown(t.part(methodText)), Target: shown(m.AppendTarget(nil, string(t.part(targetText)))), Host: shown(t.part(hostText)), Route: t.route,
		Status: int(t.status), Duration: t.duration, Spans: t.spans, Sent: t.sent, Received: t.received, Aborted: t.aborted, Kept: t.kept,
		Stack: shown(t.part(stackText)),
	}
}

// exchange returns all of the exchange.
func (t *recalled) exchange(m *Masks) Exchange {
	e := t.summary(m)
	head, body := SplitResponse(t.part(responseText))
	e.RequestHead, e.ResponseHead = m.ShownHead(t.part(requestHeadText)), m.ShownHead(head)
	e.RequestBody, e.ResponseBody = m.AppendForm(nil, t.part(requestBodyText)), m.AppendForm(nil, body)
	return e
}

// original returns the request as it was received.
func (t *recalled) original() Original {
	head, body := t.part(requestHeadText), t.part(requestBodyText)
	_, whole := headEnd(head)
	return Original{
		Method: string(t.part(methodText)), Host: string(t.part(hostText)), Remote: t.remote, Route: t.route, Status: int(t.status),
		Head: head, Body: body, HeadCut: t.cut || !whole, BodyCut: t.received > int64(len(body)),
	}
}

// shown returns text with the bytes escaped that could do something to a terminal. Line feeds stay.
func shown(text []byte) string {
	var b []byte
	for line := range bytes.Lines(text) {
		line, ended := bytes.CutSuffix(line, []byte{'\n'})
		b = appendTraceLine(b, line)
		if ended {
			b = append(b, '\n')
		}
	}
	return string(b)
}

// ShownHead returns a head with its secrets masked, its lines ended by line feeds, and everything escaped that is not printable.
func (m *Masks) ShownHead(head []byte) string {
	var b []byte
	for rest := m.AppendHead(nil, head); len(rest) > 0; {
		var line []byte
		line, rest = cutLine(rest)
		b = append(appendTraceLine(b, line), '\n')
	}
	return string(b)
}
