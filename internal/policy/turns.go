package policy

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"highball"
)

const (
	maxWaiting  = 64              // for a turn; more are sent away
	turnsWithin = 5 * time.Second // or they are sent away, too
)

// turns bounds how many passwords are hashed at once, so that a flood of them leaves processors for everybody else.
type turns struct {
	free     chan struct{} // has room for those that hash
	waiting  atomic.Int32
	patience time.Duration
}

func newTurns() *turns {
	return &turns{free: make(chan struct{}, (highball.Processors()+1)/2), patience: turnsWithin}
}

// enter waits for a turn, and returns known when there is one, which leave gives back. The context is that of a
// request, and is made only for one that has to wait.
func (t *turns) enter(request func() context.Context) outcome {
	select {
	case t.free <- struct{}{}:
		return known
	default:
	}
	defer t.waiting.Add(-1)
	if t.waiting.Add(1) > maxWaiting {
		return crowded
	}
	ctx := request()
	timer := time.NewTimer(t.patience)
	defer timer.Stop()
	select {
	case t.free <- struct{}{}:
		return known
	case <-timer.C:
		return crowded
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), highball.ErrHandlerDeadline) {
			return crowded
		}
		return gone
	}
}

func (t *turns) leave() { <-t.free }
