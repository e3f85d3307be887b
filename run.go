package highball

import (
	"context"
	"errors"
	"net"
)

// ListenAndServe serves handler at addr, "host:port" or "unix:/path", with a Server that has every default. It always
// returns an error.
func ListenAndServe(addr string, handler Handler) error {
	return (&Server{Addr: addr, Handler: handler}).ListenAndServe()
}

// ListenAndServe listens at s.Addr and serves until Shutdown or Close; it then returns ErrServerClosed.
func (s *Server) ListenAndServe() error {
	addr := s.Addr
	if addr == "" {
		addr = "127.0.0.1:8000"
	}
	if _, err := s.Listen(addr); err != nil {
		return err
	}
	return s.Run()
}

// Serve serves the connections of l, which it closes, until Shutdown or Close; it then returns ErrServerClosed. A TCP or
// unix listener is taken over by event loops where the platform has them; for any other each connection has a goroutine.
func (s *Server) Serve(l net.Listener) error {
	if err := s.ready(); err != nil {
		return errors.Join(err, l.Close())
	}
	b, err := s.takeOver(l)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	if err := s.add(b); err != nil {
		b.release()
		return err
	}
	return s.Run()
}

func (s *Server) add(b *binding) error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.closed {
		return ErrServerClosed
	}
	s.state.bound = append(s.state.bound, b)
	return nil
}

// Run serves every address that Listen has bound, until Shutdown or Close; it then returns ErrServerClosed.
func (s *Server) Run() error {
	if err := s.ready(); err != nil {
		return err
	}
	st := &s.state
	st.mu.Lock()
	if st.closed {
		st.mu.Unlock()
		<-st.finished
		return ErrServerClosed
	}
	if err := s.driveBound(); err != nil {
		st.mu.Unlock()
		return err
	}
	if len(st.drivers) == 0 {
		st.mu.Unlock()
		return errors.New("highball: Run without an address: call Listen first")
	}
	st.mu.Unlock()
	if err := s.beginPeers(); err != nil {
		return errors.Join(err, s.Close())
	}
	<-st.finished
	return ErrServerClosed
}

// Shutdown stops listening, closes idle connections, and waits until every request in flight is answered, or until ctx
// ends: then it cuts what remains and returns ctx's error. A Close meanwhile has the same effect; the error is then
// ErrServerClosed.
func (s *Server) Shutdown(ctx context.Context) error {
	drivers, first := s.beginClose()
	if !first {
		<-s.state.finished
		return nil
	}
	defer s.endClose(drivers)
	s.state.draining.Store(true)
	for _, d := range drivers {
		d.drain()
	}
	for _, d := range drivers {
		for d.open() > 0 {
			select {
			case <-d.empty():
			case <-ctx.Done():
				return ctx.Err()
			case <-s.state.cut:
				return ErrServerClosed
			}
		}
	}
	return nil
}

// Close stops listening and cuts every connection.
func (s *Server) Close() error {
	drivers, first := s.beginClose()
	if !first {
		s.state.cutting.Do(func() { close(s.state.cut) })
		<-s.state.finished
		return nil
	}
	s.state.draining.Store(true)
	for _, d := range drivers {
		d.drain()
	}
	s.endClose(drivers)
	return nil
}

// beginClose marks the server as closed, and reports whether this call was the first to do so.
func (s *Server) beginClose() ([]driving, bool) {
	_ = s.ready() // a server that could not begin ends all the same
	st := &s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return nil, false
	}
	st.closed = true
	for _, b := range st.bound {
		b.release()
	}
	st.bound = nil
	return s.allDrivers(), true
}

func (s *Server) endClose(drivers []driving) {
	for _, d := range drivers {
		if d.open() > 0 {
			d.abort()
		}
		d.stop()
	}
	s.endPeers()
	if s.state.access != nil {
		if err := s.state.access.Close(); err != nil {
			s.state.log.Error("closing the access log failed", "err", err)
		}
	}
	close(s.state.finished)
}

// InFlight returns the number of open connections.
func (s *Server) InFlight() int { return s.openConns() }

// loops returns the number of event loops.
func (s *Server) loops() int {
	if s.Loops > 0 {
		return s.Loops
	}
	return Processors()
}

func (b *binding) release() {
	if b.listener != nil {
		_ = b.listener.Close() // nothing was accepted from it
	}
	b.closeSockets()
	if b.unlink != nil {
		b.unlink()
	}
}
