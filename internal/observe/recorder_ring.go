package observe

import (
	"net/netip"
	"time"
)

// The texts that a recorder has of an exchange, in the order in which they lie one behind the other.
const (
	epochText = iota
	hostText
	methodText
	targetText
	givenText
	userText
	stackText
	requestHeadText
	requestBodyText
	responseText
	texts
)

const (
	summaryTexts = requestHeadText // how many texts stand before what was on the wire
	bodyBound    = 1 << 10         // bytes of a body that are recorded
	textBound    = 8 << 10         // bytes of a head, a target or a stack that are recorded at most
	wordBound    = 256             // bytes of a name
	slotSize     = 256             // about what a recorded takes without its texts
	exchangeSize = 640             // about what a small exchange takes with them
)

// recorded is an exchange but for its texts.
type recorded struct {
	time       time.Time
	remote     netip.AddrPort
	route      *Route
	duration   time.Duration
	spans      Spans
	sent       int64
	received   int64
	connection uint64
	place      uint64 // of its texts, counted in bytes since the ring began
	at         int    // where they begin in the ring
	number     uint32
	status     uint16
	aborted    bool
	cut        bool          // the request's head was longer than what is recorded
	size       [texts]uint16 // of each text
}

// exchangeRing has exchanges, of which new ones displace the oldest. Nothing in it is allocated but by newExchangeRing.
type exchangeRing struct {
	slots []recorded
	first int // the oldest
	n     int
	text  []byte
	place uint64 // where the next texts go, counted in bytes since the ring began
	at    int    // the same in text
	bound int    // of a long text
}

// newExchangeRing returns a ring of about size bytes.
func newExchangeRing(size int) exchangeRing {
	slots := size / exchangeSize
	text := size - slots*slotSize
	return exchangeRing{slots: make([]recorded, slots), text: make([]byte, text), bound: min(textBound, text/8)}
}

// put records r. What is too long for the ring is cut.
func (g *exchangeRing) put(r *Record) {
	var none Wire
	w := r.Wire
	if w == nil {
		w = &none
	}
	// What most exchanges have is copied at once, the rest if there is any: each copy costs a call.
	host, method := r.Host[:min(len(r.Host), wordBound)], r.Method[:min(len(r.Method), wordBound)]
	target, epoch := r.Target[:min(len(r.Target), g.bound)], r.ID.Epoch[:min(len(r.ID.Epoch), wordBound)]
	head, response := w.RequestHead[:min(len(w.RequestHead), g.bound)], w.Response[:min(len(w.Response), g.bound+bodyBound)]
	given, user, stack := r.ID.Given[:min(len(r.ID.Given), wordBound)], r.User[:min(len(r.User), wordBound)], r.Stack[:min(len(r.Stack), g.bound)]
	body := w.RequestBody[:min(len(w.RequestBody), bodyBound)]
	rare := len(given) + len(user) + len(stack)
	need := rare + len(epoch) + len(host) + len(method) + len(target) + len(head) + len(body) + len(response)

	slot := g.claim(need)
	// Field by field: a composite literal would be made on the stack and copied.
	slot.time, slot.remote, slot.route = r.Time, r.Remote, r.Route
	slot.duration, slot.spans = r.Duration, r.Spans
	slot.sent, slot.received = r.Bytes, r.Received
	slot.connection, slot.number = r.ID.Connection, r.ID.Number
	slot.status, slot.aborted = uint16(max(r.Status, 0)), r.Aborted
	slot.cut = len(head) < len(w.RequestHead)
	slot.place, slot.at = g.place, g.at
	slot.size = [texts]uint16{
		epochText: uint16(len(epoch)), hostText: uint16(len(host)), methodText: uint16(len(method)), targetText: uint16(len(target)),
		givenText: uint16(len(given)), userText: uint16(len(user)), stackText: uint16(len(stack)),
		requestHeadText: uint16(len(head)), requestBodyText: uint16(len(body)), responseText: uint16(len(response)),
	}
	b := g.text[g.at : g.at+need]
	b = b[copy(b, epoch):]
	b = b[copy(b, host):]
	b = b[copy(b, method):]
	b = b[copy(b, target):]
	if rare > 0 {
		b = b[copy(b, given):]
		b = b[copy(b, user):]
		b = b[copy(b, stack):]
	}
	b = b[copy(b, head):]
	if len(body) > 0 {
		b = b[copy(b, body):]
	}
	copy(b, response)
	g.place += uint64(need)
	g.at += need
}

// claim returns a slot for an exchange with texts of need bytes, which go to g.at, and forgets what was in their place.
func (g *exchangeRing) claim(need int) *recorded {
	if left := len(g.text) - g.at; need > left { // texts of one exchange are not divided
		g.place += uint64(left)
		g.at = 0
	}
	end := g.place + uint64(need)
	for g.n > 0 && (g.n == len(g.slots) || g.slots[g.first].place+uint64(len(g.text)) < end) {
		g.n--
		if g.first++; g.first == len(g.slots) {
			g.first = 0
		}
	}
	i := g.first + g.n
	if i >= len(g.slots) {
		i -= len(g.slots)
	}
	g.n++
	return &g.slots[i]
}

// latest returns the i-th exchange of the ring, counted from the latest, which is 0.
func (g *exchangeRing) latest(i int) *recorded {
	i = g.first + g.n - 1 - i
	if i >= len(g.slots) {
		i -= len(g.slots)
	}
	return &g.slots[i]
}

// textOf returns a text of an exchange of the ring.
func (g *exchangeRing) textOf(e *recorded, which int) []byte {
	from := e.at + e.offset(which)
	return g.text[from : from+int(e.size[which])]
}

// offset returns where a text begins among those of its exchange.
func (e *recorded) offset(which int) (n int) {
	for _, size := range e.size[:which] {
		n += int(size)
	}
	return n
}
