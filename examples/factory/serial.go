package main

import (
	"errors"
	"sync"

	"highball"
)

// maxKeys bounds the handlers of a Serial, since it is clients who make up the keys.
const maxKeys = 10_000

var errTooManyKeys = errors.New("too many sessions")

// Serial has one lasting handler for each key and gives it one request at a time; requests with different keys
// do not wait for each other.
type Serial struct {
	make func(key string) highball.Handler

	mu    sync.Mutex       // guards the following field
	lanes map[string]*lane // by key
}

// NewSerial returns a Serial whose handlers are made by the given function, at the first request of their key.
func NewSerial(make func(key string) highball.Handler) *Serial {
	return &Serial{make: make, lanes: map[string]*lane{}}
}

// Handler returns the handler of a key. Where there would be too many, the error is answered by 503.
func (s *Serial) Handler(key string) (highball.Handler, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[key]
	if l == nil {
		if len(s.lanes) >= maxKeys {
			return nil, &highball.Error{Status: 503, Err: errTooManyKeys}
		}
		l = &lane{handler: s.make(key), turn: make(chan struct{}, 1)}
		s.lanes[key] = l
	}
	return l, nil
}

// lane lets one request at a time through to its handler.
type lane struct {
	handler highball.Handler
	turn    chan struct{} // holds a token while a request is being served
}

// Serve waits for the request's turn, or until its client has left or its deadline has passed.
func (l *lane) Serve(w *highball.Response, r *highball.Request) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
		return l.handler.Serve(w, r)
	case <-r.Context().Done():
		return r.Context().Err()
	}
}
