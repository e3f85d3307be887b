package highball

import (
	"os"
	"sync"
)

// Peer is a byte stream between the server and a process that answers requests for it. Its bytes move on an event loop,
// together with those of the clients, so that a request costs no change of goroutine. Where there are no event loops,
// goroutines move them. Its methods may be called from any goroutine.
type Peer struct {
	srv *Server
	on  Receiver

	mu     sync.Mutex // guards the following fields
	file   *os.File   // nil once a loop has taken it over
	out    []byte     // what the process has not taken yet, behind what it has
	left   int        // bytes of out that it has taken
	begun  bool       // something moves the bytes
	paused bool
	closed bool
	onPeer
	aside sync.Cond // without a loop: tells the goroutines of a change
}

// Receiver takes what a Peer sends. Its methods must not block. The turn that they get is nil where there are no event loops.
type Receiver interface {
	// Receive takes bytes, which are valid during the call only.
	Receive(t *Turn, b []byte)
	// Closed tells that the stream has ended: with io.EOF, or the error that ended it, or ErrServerClosed. It is called
	// once, and Receive not after it.
	Closed(t *Turn, err error)
}

// AddPeer begins to serve the stream socket f, which does not block and which it takes over, also when it fails. It may be called
// before Run, which then begins to read.
func (s *Server) AddPeer(f *os.File, on Receiver) (*Peer, error) {
	p := &Peer{srv: s, on: on, file: f}
	p.aside.L = &p.mu
	if err := s.ready(); err != nil {
		_ = f.Close() // nothing was written
		return nil, err
	}
	st := &s.state
	st.mu.Lock()
	if st.over {
		st.mu.Unlock()
		_ = f.Close() // nothing was written
		return nil, ErrServerClosed
	}
	if st.peers == nil {
		st.peers = make(map[*Peer]struct{})
	}
	st.peers[p] = struct{}{}
	running, drivers := st.running, st.drivers
	st.mu.Unlock()
	if running {
		if err := p.begin(drivers); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// beginPeers has the peers read that were added before the drivers ran.
func (s *Server) beginPeers() error {
	st := &s.state
	st.mu.Lock()
	st.running = true
	drivers, peers := st.drivers, make([]*Peer, 0, len(st.peers))
	for p := range st.peers {
		peers = append(peers, p)
	}
	st.mu.Unlock()
	for _, p := range peers {
		if err := p.begin(drivers); err != nil {
			return err
		}
	}
	return nil
}

// endPeers closes every peer. No driver runs any more.
func (s *Server) endPeers() {
	st := &s.state
	st.mu.Lock()
	st.over = true
	all := make([]*Peer, 0, len(st.peers))
	for p := range st.peers {
		all = append(all, p)
	}
	st.mu.Unlock()
	for _, p := range all {
		p.mu.Lock()
		alone := p.begun && !p.looped()
		p.mu.Unlock()
		if alone {
			p.Close() // its reader does the rest
		} else {
			p.endWith(nil, ErrServerClosed)
		}
	}
	st.peersDone.Wait()
}

// Send sends b, which is copied. What is sent in one turn leaves together at its end; with a nil turn it leaves at once. What
// the process does not take is kept. After the end of the stream Send does nothing.
func (p *Peer) Send(t *Turn, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	switch {
	case !p.begun:
		p.out = append(p.out, b...)
	case p.looped():
		p.sendLooped(t, b)
	default:
		p.out = append(p.out, b...)
		p.aside.Broadcast()
	}
}

// Pause stops calling Receive, but for a call that is under way, until Resume.
func (p *Peer) Pause() { p.setPaused(true) }

// Resume undoes Pause.
func (p *Peer) Resume() { p.setPaused(false) }

func (p *Peer) setPaused(paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.paused == paused {
		return
	}
	p.paused = paused
	p.aside.Broadcast()
	if p.begun && p.looped() {
		p.rewatch()
	}
}

// Close ends the stream in both directions. Closed is called, soon.
func (p *Peer) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.paused = false
	p.out, p.left = nil, 0
	switch {
	case p.looped():
		p.hangUp()
	case p.file != nil:
		_ = p.file.Close() // reading finds out
		p.aside.Broadcast()
	}
}

// endWith closes the stream and tells its receiver, unless that was done.
func (p *Peer) endWith(t *Turn, err error) {
	st := &p.srv.state
	st.mu.Lock()
	_, known := st.peers[p]
	delete(st.peers, p)
	st.mu.Unlock()
	if !known {
		return
	}
	p.mu.Lock()
	p.closed = true
	p.out, p.left = nil, 0
	if p.looped() {
		p.release()
	}
	if p.file != nil {
		_ = p.file.Close() // what was not taken is of no use to anybody
	}
	p.aside.Broadcast()
	p.mu.Unlock()
	p.on.Closed(t, err)
}

// beginAlone has the stream moved by goroutines. The caller holds the lock.
func (p *Peer) beginAlone() {
	p.begun = true
	p.srv.state.peersDone.Go(p.readAlone)
	p.srv.state.peersDone.Go(p.writeAlone)
}

func (p *Peer) readAlone() {
	b := make([]byte, 64<<10)
	for {
		p.mu.Lock()
		for p.paused && !p.closed {
			p.aside.Wait()
		}
		p.mu.Unlock()
		n, err := p.file.Read(b)
		if n > 0 {
			p.on.Receive(nil, b[:n])
		}
		if err != nil {
			st := &p.srv.state
			st.mu.Lock()
			over := st.over
			st.mu.Unlock()
			if over {
				err = ErrServerClosed
			}
			p.endWith(nil, err)
			return
		}
	}
}

func (p *Peer) writeAlone() {
	var b []byte
	for {
		p.mu.Lock()
		for len(p.out) == 0 && !p.closed {
			p.aside.Wait()
		}
		b, p.out = p.out, b[:0]
		closed := p.closed
		p.mu.Unlock()
		if closed {
			return
		}
		if _, err := p.file.Write(b); err != nil {
			return // the stream has ended, which reading finds
		}
	}
}
