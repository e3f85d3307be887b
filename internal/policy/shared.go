package policy

import (
	"log/slog"
	"path/filepath"
	"sync"
	"time"
	"weak"
)

// Shared is what handlers have in common: the users of a file, with whose passwords were found right; the counts of limits of
// rate of one scope; and how many passwords are hashed at once. A server has one, and keeps it when its configuration changes:
// counts then go on. The zero value is ready to use, by any goroutine. What no handler uses any more is forgotten.
type Shared struct {
	mu       sync.Mutex // guards the following fields
	users    map[string]weak.Pointer[users]
	limiters map[Rate]weak.Pointer[limiter]
	hashing  *turns
}

// open returns the users of the file at path, as the file is now.
func (s *Shared) open(path string, now time.Time, log *slog.Logger) (*users, error) {
	path = filepath.Clean(path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hashing == nil {
		s.hashing = newTurns()
	}
	if u := s.users[path].Value(); u != nil {
		return u, u.file.read(now)
	}
	u, err := openUsers(path, now, log, s.hashing)
	if err != nil {
		return nil, err
	}
	s.users = kept(s.users)
	s.users[path] = weak.Make(u)
	return u, nil
}

// limiter returns the limiter of r, whose count begins now if there is none.
func (s *Shared) limiter(r Rate, now time.Time) (*limiter, error) {
	if r.Scope == "" {
		return newLimiter(r, now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.limiters[r].Value(); l != nil {
		return l, nil
	}
	l, err := newLimiter(r, now)
	if err != nil {
		return nil, err
	}
	s.limiters = kept(s.limiters)
	s.limiters[r] = weak.Make(l)
	return l, nil
}

// kept returns m without what nobody uses any more.
func kept[K comparable, T any](m map[K]weak.Pointer[T]) map[K]weak.Pointer[T] {
	if m == nil {
		m = make(map[K]weak.Pointer[T])
	}
	for k, p := range m {
		if p.Value() == nil {
			delete(m, k)
		}
	}
	return m
}
