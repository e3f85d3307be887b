package observe

// Theory of operation. An event loop tells of a request every few microseconds, and when it does, the code that makes a line has left the
// processor's caches since the last one: it takes about twice as long as in a row of lines. So a shard of the access log at first only packs
// what the line needs, always into the same little memory, and makes the lines of a whole stage of requests in one go. A goroutine that does
// nothing else would make them no faster: what is packed would have to be fetched from further away by then.

const (
	// stageSize is how many requests a stage holds. To make their lines takes some microseconds.
	stageSize = 32

	// stageText is the length of their texts from which on a stage is full.
	stageText = 16 << 10
)

// stage has requests of which lines are to be made, and what they are made by. It belongs to a shard, whose mutex guards it.
type stage struct {
	settings *AccessSettings // those in force when the requests were added
	clock    Clock
	requests []packed
	texts    []byte // of the requests, one behind the other
}

// full reports whether lines are to be made before a request is added.
func (g *stage) full() bool { return len(g.requests) >= stageSize || len(g.texts) >= stageText }

// add adds a request.
func (g *stage) add(r *Record) {
	n := len(g.requests)
	if n == cap(g.requests) {
		g.requests = make([]packed, 0, stageSize) // there were none
	}
	g.requests = g.requests[:n+1]
	g.texts = g.requests[n].pack(g.texts, r)
}

// appendLines appends the lines of the requests, and takes these out. Memory that huge texts have made grow is not kept.
func (g *stage) appendLines(dst []byte) []byte {
	rest := g.texts
	for i := range g.requests {
		p := &g.requests[i]
		size := p.size()
		dst = g.settings.Format.append(dst, entry{p, rest[:size]}, &g.clock, g.settings.Masks)
		rest = rest[size:]
	}
	g.requests = g.requests[:0]
	if cap(g.texts) > 2*stageText {
		g.texts = nil
	}
	g.texts = g.texts[:0]
	return dst
}
