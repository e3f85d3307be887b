package observe

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Tail hands the lines of the access log, in the format [JSON], to whoever wants to see them now. It is a [Sink]. While nobody does, a request
// costs a look at one variable. Secrets are masked, see [Tail.Mask].
type Tail struct {
	followers atomic.Pointer[[]*follower] // nil while there are none; what it points to is never changed
	changing  sync.Mutex                  // held while others take their place
	masks     atomic.Pointer[Masks]
	shards    []*tailShard
}

// tailShard is what one event loop makes its lines with. The followers are called under its lock.
type tailShard struct {
	mu    sync.Mutex // guards the following fields
	clock Clock
	one   single
	line  []byte
}

type follower struct {
	filter TailFilter
	take   func(line []byte)
}

// TailFilter says which requests somebody wants to see: those to which all of it applies. The zero value is all requests.
type TailFilter struct {
	Status  int          // 100 to 599 is one status, 1 to 5 a class, 0 every one
	Method  string       // "" is every method
	Path    string       // the beginning of the target
	Client  string       // the beginning of the address, as text
	Network netip.Prefix // where the client is; the zero value is everywhere
}

// NewTail returns the tail of a server that has at most the given number of shards, at least one. Those beyond share the last one.
func NewTail(shards int) *Tail {
	t := &Tail{shards: make([]*tailShard, max(shards, 1))}
	for i := range t.shards {
		t.shards[i] = new(tailShard)
	}
	t.masks.Store(DefaultMasks())
	return t
}

// Mask has the lines from now on be without what m names; at first that is what [DefaultMasks] do.
func (t *Tail) Mask(m *Masks) { t.masks.Store(m) }

// ParseTailFilter makes a filter of texts, of which "" is every request: a status such as "404", or a class such as "5xx"; a method; the beginning of a
// path; the beginning of a client's address such as "192.0.2.", or a network such as "192.0.2.0/24". The error is for a person.
func ParseTailFilter(status, method, path, client string) (TailFilter, error) {
	f := TailFilter{Method: method, Path: path, Client: client}
	if strings.Contains(client, "/") {
		network, err := netip.ParsePrefix(client)
		if err != nil {
			return TailFilter{}, errors.New(`a client is the beginning of an address, such as "192.0.2.", or a network, such as "192.0.2.0/24"`)
		}
		f.Client, f.Network = "", network.Masked()
	}
	var err error
	f.Status, err = parseStatusOrClass(status)
	return f, err
}

func parseStatusOrClass(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	if len(s) == 3 && s[0] >= '1' && s[0] <= '5' {
		class := int(s[0] - '0')
		if strings.EqualFold(s[1:], "xx") {
			return class, nil
		}
		if tens, ones := s[1]-'0', s[2]-'0'; tens <= 9 && ones <= 9 {
			return 100*class + 10*int(tens) + int(ones), nil
		}
	}
	return 0, errors.New(`a status is one such as "404", or a class such as "5xx"`)
}

// Follow has take called with each line that the filter lets pass, line feed included, until cancel is called, which waits for calls that are under way. take is called
// by event loops, several at a time: it must not block, must not keep the line, and must not call cancel.
func (t *Tail) Follow(filter TailFilter, take func(line []byte)) (cancel func()) {
	f := &follower{filter, take}
	t.change(func(all []*follower) []*follower { return append(all, f) })
	return func() {
		t.change(func(all []*follower) []*follower {
			return slices.DeleteFunc(all, func(other *follower) bool { return other == f })
		})
		for _, s := range t.shards {
			s.mu.Lock() // whoever takes it from now on sees the others only
			s.one, s.line = single{}, nil
			s.mu.Unlock()
		}
	}
}

// change has others take the place of the followers, of whom to gets a copy.
func (t *Tail) change(to func([]*follower) []*follower) {
	t.changing.Lock()
	defer t.changing.Unlock()
	var all []*follower
	if before := t.followers.Load(); before != nil {
		all = slices.Clone(*before)
	}
	if all = to(all); len(all) == 0 {
		t.followers.Store(nil)
		return
	}
	t.followers.Store(&all)
}

// Take implements Sink.
func (t *Tail) Take(shard int, r *Record) {
	if t.followers.Load() != nil {
		t.hand(t.shards[min(shard, len(t.shards)-1)], r)
	}
}

// hand hands r to those who want it. The line is made once, if somebody does.
func (t *Tail) hand(s *tailShard, r *Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := t.followers.Load()
	if all == nil {
		return
	}
	made := false
	for _, f := range *all {
		if !f.filter.matches(r) {
			continue
		}
		if !made {
			s.line = JSON.append(s.line[:0], s.one.of(r), &s.clock, t.masks.Load())
			made = true
		}
		f.take(s.line)
	}
}

// matches reports whether r is one of those that f is for.
func (f *TailFilter) matches(r *Record) bool {
	switch {
	case f.Status >= 100 && r.Status != f.Status,
		f.Status > 0 && f.Status < 100 && r.Status/100 != f.Status,
		f.Method != "" && r.Method != f.Method,
		!strings.HasPrefix(r.Target, f.Path):
		return false
	}
	addr := remoteAddr(r.Remote)
	switch {
	case f.Network.IsValid():
		return f.Network.Contains(addr)
	case f.Client == "":
		return true
	case !addr.IsValid():
		return false
	}
	var text [64]byte
	return strings.HasPrefix(string(addr.AppendTo(text[:0])), f.Client)
}
