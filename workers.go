package highball

import "sync"

// idleWorkers bounds how many goroutines a loop keeps for the next requests.
const idleWorkers = 128

// workers runs connections' handlers on goroutines that are used again: a new one would have to grow its stack for
// every request, which costs more than the request.
type workers struct {
	mu    sync.Mutex // guards the following fields
	idle  []chan *conn
	ended bool
}

// serve has c.serve run on a goroutine. The one that was idle for the shortest time is taken, so that a quiet server
// works with few.
func (p *workers) serve(c *conn) {
	p.mu.Lock()
	last := len(p.idle) - 1
	if last < 0 {
		p.mu.Unlock()
		go p.work(c)
		return
	}
	next := p.idle[last]
	p.idle = p.idle[:last]
	p.mu.Unlock()
	next <- c
}

// work is one goroutine's life.
func (p *workers) work(c *conn) {
	next := make(chan *conn, 1)
	for c != nil {
		c.serve()
		p.mu.Lock()
		if p.ended || len(p.idle) >= idleWorkers {
			p.mu.Unlock()
			return
		}
		p.idle = append(p.idle, next)
		p.mu.Unlock()
		c = <-next
	}
}

// end lets the idle goroutines end, and the busy ones when they are done. No connection may be served afterwards.
func (p *workers) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, next := range p.idle {
		close(next)
	}
	p.idle = nil
}
