package gateway

import (
	"sync"
	"testing"
)

// Whoever gives up, in whatever moment, takes no place with him.
func TestPlaces(t *testing.T) {
	p := &places{free: 3, most: 5}
	var held, gaveUp, refused int
	var mu sync.Mutex
	count := func(n *int) {
		mu.Lock()
		defer mu.Unlock()
		*n++
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 500 {
				turn, ok := p.take()
				switch {
				case !ok:
					count(&refused)
					continue
				case turn != nil && (n+i)%3 == 0:
					count(&gaveUp)
					p.giveUp(turn)
					continue
				case turn != nil:
					<-turn
				}
				count(&held)
				p.leave()
			}
		})
	}
	all.Wait()
	if p.free != 3 || len(p.line) != 0 {
		t.Errorf("%d places are free and %d wait, after %d uses, %d given up, %d refused", p.free, len(p.line), held, gaveUp, refused)
	}
}

func TestPlacesInLine(t *testing.T) {
	p := &places{free: 1, most: 3}
	if turn, ok := p.take(); turn != nil || !ok {
		t.Fatal("the first has to wait")
	}
	var line [3]chan struct{}
	for i := range line {
		line[i], _ = p.take()
	}
	if _, ok := p.take(); ok {
		t.Error("the line is longer than may be")
	}
	p.giveUp(line[1])
	for _, i := range []int{0, 2} {
		p.leave()
		select {
		case <-line[i]:
		default:
			t.Errorf("%d is not the next", i)
		}
	}
	if p.waiting() != 0 {
		t.Error("somebody waits")
	}
}
