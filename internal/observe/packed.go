package observe

import (
	"net/netip"
	"time"
)

// The texts of a request that a line may show, in the order in which they lie one behind the other. Most requests have those before userWord.
const (
	epochWord = iota
	methodWord
	targetWord
	hostWord
	agentWord
	refererWord
	userWord
	givenWord
	words
)

// packed is what a line may show of a request, but for its texts: small, since an event loop makes one for every request: three cache
// lines.
type packed struct {
	time       time.Time
	remote     netip.AddrPort
	route      *Route
	duration   time.Duration
	spans      Spans
	bytes      int64
	received   int64
	connection uint64
	number     uint32
	status     int32
	ends       [words]uint32 // where each text ends, the first of which begins at 0
	minor      uint8
	aborted    bool
}

// pack makes p of r, and appends r's texts to dst. Each copy of a text costs a call, so what few requests have is looked at together.
func (p *packed) pack(dst []byte, r *Record) []byte {
	p.time, p.remote, p.route = r.Time, r.Remote, r.Route
	p.duration, p.spans = r.Duration, r.Spans
	p.bytes, p.received = r.Bytes, r.Received
	p.connection, p.number = r.ID.Connection, r.ID.Number
	p.status, p.minor, p.aborted = int32(r.Status), r.Minor, r.Aborted

	start := len(dst)
	dst = append(dst, r.ID.Epoch...)
	p.ends[epochWord] = uint32(len(dst) - start)
	dst = append(dst, r.Method...)
	p.ends[methodWord] = uint32(len(dst) - start)
	dst = append(dst, r.Target...)
	p.ends[targetWord] = uint32(len(dst) - start)
	dst = append(dst, r.Host...)
	p.ends[hostWord] = uint32(len(dst) - start)
	if r.UserAgent != "" {
		dst = append(dst, r.UserAgent...)
	}
	p.ends[agentWord] = uint32(len(dst) - start)
	if r.Referer != "" {
		dst = append(dst, r.Referer...)
	}
	end := uint32(len(dst) - start)
	p.ends[refererWord], p.ends[userWord], p.ends[givenWord] = end, end, end
	if len(r.User)+len(r.ID.Given) > 0 {
		dst = append(dst, r.User...)
		p.ends[userWord] = uint32(len(dst) - start)
		dst = append(dst, r.ID.Given...)
		p.ends[givenWord] = uint32(len(dst) - start)
	}
	return dst
}

// size returns how long p's texts are together.
func (p *packed) size() int { return int(p.ends[words-1]) }

// entry is a request as a line is made of it.
type entry struct {
	*packed
	texts []byte
}

// word returns a text of the request.
func (e entry) word(which int) []byte {
	if which == 0 {
		return e.texts[:e.ends[0]]
	}
	return e.texts[e.ends[which-1]:e.ends[which]]
}

// appendID appends the name of a request that was given none, as [RequestID.Append] does.
func (e entry) appendID(dst []byte) []byte {
	dst = append(append(dst, e.word(epochWord)...), '-')
	dst = append(appendHex(dst, e.connection), '-')
	return appendInt(dst, int64(e.number))
}

// single is room for one request of which a line is to be made at once.
type single struct {
	packed packed
	texts  []byte
}

// of returns the entry of r, which is valid until the next call.
func (s *single) of(r *Record) entry {
	s.texts = s.packed.pack(s.texts[:0], r)
	return entry{&s.packed, s.texts}
}
