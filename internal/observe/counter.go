package observe

import (
	"net/netip"
	"sync"
)

// Counters counts requests by their routes. It is a [Sink]. Each shard counts for itself, in memory that nobody else writes to and under a lock that
// nobody else holds for long, so a request costs some tens of nanoseconds and no allocation. What was counted is fetched by Drain, which visits only
// the routes that had requests meanwhile: an idle server costs nothing.
type Counters struct {
	shards   []*counterShard
	draining sync.Mutex // held by Drain; guards the following field
	copied   Counts
}

// counterShard is what one event loop counts. It is allocated on its own, and larger than a pair of cache lines, so that the loops do not write to the same.
type counterShard struct {
	mu      sync.Mutex // guards the following fields
	routes  []*series  // at the index of the route plus one; nil where it had no request yet
	touched []*series  // that have counted since they were drained
	spare   []*series  // empty, to take the place of touched
	clients *topClients
	_       [128]byte
}

// series is what one route has counted in one shard.
type series struct {
	route   *Route
	touched bool
	counts  Counts
}

// NewCounters returns counters of a server that has at most the given number of shards, at least one. Those beyond share the last one.
func NewCounters(shards int) *Counters {
	c := &Counters{shards: make([]*counterShard, max(shards, 1))}
	for i := range c.shards {
		c.shards[i] = &counterShard{clients: newTopClients()}
	}
	return c
}

// Take implements Sink.
func (c *Counters) Take(shard int, r *Record) {
	s := c.shards[min(shard, len(c.shards)-1)]
	s.mu.Lock()
	of := s.of(r.Route)
	if !of.touched {
		of.touched = true
		s.touched = append(s.touched, of)
	}
	of.counts.take(r)
	s.clients.take(r)
	s.mu.Unlock()
}

// of returns the series of a route, which may be nil.
func (s *counterShard) of(r *Route) *series {
	i := 0
	if r != nil {
		i = r.index + 1
	}
	if i < len(s.routes) && s.routes[i] != nil {
		return s.routes[i]
	}
	return s.add(i, r)
}

func (s *counterShard) add(i int, r *Route) *series {
	if missing := i + 1 - len(s.routes); missing > 0 {
		s.routes = append(s.routes, make([]*series, missing)...)
	}
	s.routes[i] = &series{route: r}
	return s.routes[i]
}

// Drain calls add with what each route has counted since the last Drain, perhaps several times for a route, which is nil for requests
// that had none. The counts are valid during the call only. Requests that end meanwhile are in this Drain or the next, in exactly one. No shard is stopped
// for longer than it takes to copy the counts of one route. Several goroutines may call it; each count goes to one of them.
func (c *Counters) Drain(add func(r *Route, n *Counts)) {
	c.draining.Lock()
	defer c.draining.Unlock()
	for _, s := range c.shards {
		s.mu.Lock()
		touched := s.touched
		s.touched, s.spare = s.spare, nil
		s.mu.Unlock()
		for _, of := range touched {
			s.mu.Lock()
			c.copied, of.counts = of.counts, Counts{}
			of.touched = false
			s.mu.Unlock()
			add(of.route, &c.copied)
		}
		s.mu.Lock()
		s.spare = touched[:0]
		s.mu.Unlock()
	}
}

// Client is who has sent requests.
type Client struct {
	Address  netip.Addr
	Requests uint64 // not less than the true number, unless the client was crowded out
	Sent     uint64 // bytes of bodies to the client since it was last noticed as a frequent one
}

// DrainClients calls add with the clients that have sent the most requests since the last DrainClients, about a thousand for each shard and in no
// order. A client whose share of the requests of a shard is more than a hundredth is practically certain to be among them. Clients of unix sockets have
// no address and are not counted.
func (c *Counters) DrainClients(add func(Client)) {
	for _, s := range c.shards {
		s.mu.Lock()
		full := s.clients
		if full.idle() {
			s.mu.Unlock()
			continue
		}
		s.clients = newTopClients()
		s.mu.Unlock()
		full.each(add)
	}
}
