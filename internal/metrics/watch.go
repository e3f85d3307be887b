package metrics

import (
	"slices"
	"sync"

	"highball/internal/admin"
)

// watchers are told of each second.
type watchers struct {
	mu  sync.Mutex // guards the following field, and is held while they are told
	all []*watcher
}

type watcher struct{ take func(admin.Tick) }

// Watch has take called with each second from now on, until cancel is called, which waits for a call that is under way. take must not block, nor
// call cancel. All watchers get the same maps and slices, which nobody may change.
func (l *Ledger) Watch(take func(admin.Tick)) (cancel func()) {
	w := &watcher{take}
	l.watchers.mu.Lock()
	defer l.watchers.mu.Unlock()
	l.watchers.all = append(l.watchers.all, w)
	return func() {
		l.watchers.mu.Lock()
		defer l.watchers.mu.Unlock()
		l.watchers.all = slices.DeleteFunc(l.watchers.all, func(other *watcher) bool { return other == w })
	}
}

func (w *watchers) tell(s *second) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.all) == 0 {
		return
	}
	t := s.tick()
	for _, one := range w.all {
		one.take(t)
	}
}
