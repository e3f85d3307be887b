package gateway

import (
	"slices"
	"sync"
)

// places are those of the processes that may run at a time. Who finds none free waits in line.
type places struct {
	mu   sync.Mutex // guards the following fields
	free int
	line []chan struct{} // each gets a token with its place; the first is that of who has waited longest
	most int             // in line
}

// take returns nil for who has a place, else the channel that tells of one; ok is false where the line is as long as may be.
func (p *places) take() (turn chan struct{}, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.free > 0:
		p.free--
		return nil, true
	case len(p.line) >= p.most:
		return nil, false
	}
	turn = make(chan struct{}, 1)
	p.line = append(p.line, turn)
	return turn, true
}

// giveUp leaves the line. A place that has come meanwhile goes to the next.
func (p *places) giveUp(turn chan struct{}) {
	p.mu.Lock()
	i := slices.Index(p.line, turn)
	if i >= 0 {
		p.line = slices.Delete(p.line, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 {
		p.leave()
	}
}

// leave gives a place back.
func (p *places) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.line) == 0 {
		p.free++
		return
	}
	p.line[0] <- struct{}{}
	p.line = slices.Delete(p.line, 0, 1)
}

// waiting returns how many wait in line.
func (p *places) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.line)
}
