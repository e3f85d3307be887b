package observe

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"net/netip"
)

// Theory of operation. To count every client exactly would take memory without bound. The algorithm called space-saving keeps a fixed number
// of counters: who is not among them takes over the counter with the least count and goes on from there, so that frequent clients stay and rare
// ones push each other out. Here the counters stand in sets of eight, and the hash of an address chooses the set: that needs neither a heap nor pointers, and looks at
// two cache lines. A count exceeds the true one by no more than an eighth of the requests of its set.

const (
	clientSets = 128
	clientWays = 8
)

// topClients counts the requests of the most frequent clients.
type topClients struct {
	seed uint64 // so that nobody can choose addresses that fall into one set
	sets [clientSets]clientSet

	last netip.Addr // whose request came last, since it often has the next one too; invalid before the first
	set  *clientSet // where that one is
	way  int
}

type clientSet struct {
	keys     [clientWays][2]uint64 // addresses as IPv6 has them
	requests [clientWays]uint64    // 0 is a place that is free
	sent     [clientWays]uint64
}

func newTopClients() *topClients { return &topClients{seed: rand.Uint64()} }

func (t *topClients) idle() bool { return !t.last.IsValid() }

// take counts r's client.
func (t *topClients) take(r *Record) {
	addr := r.Remote.Addr()
	if !addr.IsValid() {
		return
	}
	if addr != t.last {
		t.last = addr
		t.set, t.way = t.place(addr)
	}
	t.set.requests[t.way]++
	t.set.sent[t.way] += uint64(max(r.Bytes, 0))
}

// place returns where the counter of an address is, or is from now on.
func (t *topClients) place(addr netip.Addr) (s *clientSet, way int) {
	bytes := addr.As16()
	key := [2]uint64{binary.BigEndian.Uint64(bytes[:8]), binary.BigEndian.Uint64(bytes[8:])}
	s = &t.sets[t.hash(key)%clientSets]
	least := 0
	for i := range s.keys {
		if s.keys[i] == key && s.requests[i] > 0 {
			return s, i
		}
		if s.requests[i] < s.requests[least] {
			least = i
		}
	}
	s.keys[least], s.sent[least] = key, 0
	return s, least
}

// hash mixes an address with the seed: two multiplications to 128 bits, folded.
func (t *topClients) hash(key [2]uint64) uint64 {
	high, low := bits.Mul64(key[0]^t.seed, 0x9e3779b97f4a7c15)
	high, low = bits.Mul64(key[1]^high^low, t.seed|1)
	return high ^ low
}

// each calls add with every client.
func (t *topClients) each(add func(Client)) {
	for i := range t.sets {
		s := &t.sets[i]
		for way, n := range s.requests {
			if n == 0 {
				continue
			}
			var bytes [16]byte
			binary.BigEndian.PutUint64(bytes[:8], s.keys[way][0])
			binary.BigEndian.PutUint64(bytes[8:], s.keys[way][1])
			add(Client{Address: netip.AddrFrom16(bytes).Unmap(), Requests: n, Sent: s.sent[way]})
		}
	}
}
