package highball

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
)

// What a server that runs for long wants: to listen elsewhere, to hand its sockets to the program that comes after it, and other
// deadlines and limits, while it serves.

// Listening is an address that a server listens at.
type Listening struct {
	Addr  string     // as it was given to Listen or Adopt
	Bound net.Addr   // as it was bound
	Files []*os.File // copies of the listening sockets; the caller closes them
}

// Listen binds one more address, "host:port" or "unix:/path", for Run or Begin to serve, and returns it as bound. Clients may
// connect from then on. The error names the address and the reason.
func (s *Server) Listen(addr string) (net.Addr, error) {
	return s.listen(addr, func() (*binding, error) { return s.bind(addr) })
}

// Adopt is Listen for sockets that listen already, at what this server calls addr, such as those that Listeners has returned to the program
// that started this one. It makes copies of them. When the server ends, the name of a unix socket stays.
func (s *Server) Adopt(addr string, files []*os.File) (net.Addr, error) {
	return s.listen(addr, func() (*binding, error) {
		if len(files) == 0 {
			return nil, fmt.Errorf("listen %s: no socket to adopt", addr)
		}
		b, err := s.adopt(files)
		if err != nil {
			return nil, fmt.Errorf("listen %s: the inherited socket: %w", addr, err)
		}
		return b, nil
	})
}

func (s *Server) listen(addr string, bind func() (*binding, error)) (net.Addr, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	b, err := bind()
	if err != nil {
		return nil, err
	}
	b.name = addr
	if err := s.add(b); err != nil {
		b.release()
		return nil, err
	}
	return b.addr, nil
}

// Begin serves what was bound since Run has begun. Before that it does nothing, since Run does.
func (s *Server) Begin() error {
	st := &s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.closed:
		return ErrServerClosed
	case !st.running:
		return nil
	}
	return s.driveBound()
}

// driveBound begins to serve what is bound. The caller holds the lock.
func (s *Server) driveBound() error {
	st := &s.state
	for len(st.bound) > 0 {
		b := st.bound[0]
		st.bound = st.bound[1:]
		d, err := s.drive(b)
		if err != nil {
			b.release()
			return err
		}
		st.drivers = append(st.drivers, driving{d, b.name, b.addr})
	}
	return nil
}

// Unlisten stops listening at an address, as it was given to Listen or Adopt. Clients who wait to be accepted are accepted first,
// and connections go on.
func (s *Server) Unlisten(addr string) error {
	if err := s.ready(); err != nil {
		return err
	}
	s.state.unlistening.Lock()
	defer s.state.unlistening.Unlock()
	d, err := s.retire(addr)
	if d == nil {
		return err
	}
	d.close()
	for _, d := range s.takeIdle() {
		d.stop()
	}
	return nil
}

// retire takes what listens at an address out of use, and returns its driver, which is nil if there was none yet.
func (s *Server) retire(addr string) (driver, error) {
	st := &s.state
	st.mu.Lock()
	defer st.mu.Unlock()
	if i := slices.IndexFunc(st.bound, func(b *binding) bool { return b.name == addr }); i >= 0 {
		st.bound[i].release()
		st.bound = slices.Delete(st.bound, i, i+1)
		return nil, nil
	}
	i := slices.IndexFunc(st.drivers, func(d driving) bool { return d.name == addr })
	if i < 0 {
		return nil, fmt.Errorf("highball: this server does not listen at %s", addr)
	}
	d := st.drivers[i]
	st.drivers = slices.Concat(st.drivers[:i], st.drivers[i+1:]) // others may be reading the old one
	st.retired = append(st.retired, d)
	return d, nil
}

// takeIdle takes the retired drivers that have nothing left to do off the list, and returns them. They do not listen any more.
func (s *Server) takeIdle() (idle []driving) {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	var busy []driving
	for _, d := range s.state.retired {
		if d.idle() {
			idle = append(idle, d)
		} else {
			busy = append(busy, d)
		}
	}
	s.state.retired = busy
	return idle
}

// Listeners returns the addresses that the server listens at, for another program to go on with. From then on the server leaves the
// names of unix sockets where they are when it ends.
func (s *Server) Listeners() ([]Listening, error) {
	s.state.mu.Lock()
	drivers := s.state.drivers // what it has now is never written over
	s.state.mu.Unlock()
	var all []Listening
	var errs []error
	for _, d := range drivers {
		files, err := d.listening()
		all = append(all, Listening{d.name, d.addr, files})
		errs = append(errs, err)
		d.keepName()
	}
	if err := errors.Join(errs...); err != nil {
		for _, l := range all {
			for _, f := range l.Files {
				_ = f.Close() // a copy
			}
		}
		return nil, err
	}
	return all, nil
}

// Quiesce returns when each event loop has ended the turn that it was in: a handler that was taken out of use before is then at work on no
// request any more in ServeInline and ServeLater. It must not be called on an event loop.
func (s *Server) Quiesce() {
	s.state.mu.Lock()
	drivers := s.allDrivers()
	s.state.mu.Unlock()
	for _, d := range drivers {
		d.settle()
	}
}

// Reconfigure puts other deadlines and limits into force, for what begins from now on.
func (s *Server) Reconfigure(d Deadlines, l Limits) error {
	if err := s.ready(); err != nil {
		return err
	}
	s.state.settings.Store(newSettings(d, l))
	return nil
}
