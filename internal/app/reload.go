package app

import (
	"context"
	"log/slog"
)

// reloader replaces workers on a goroutine of its own, so that Run hears of other signals meanwhile.
type reloader struct {
	asked  chan struct{} // one more wish is kept while one is being granted
	cancel context.CancelFunc
	over   chan struct{}
}

func (all applications) newReloader(log *slog.Logger) *reloader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &reloader{asked: make(chan struct{}, 1), cancel: cancel, over: make(chan struct{})}
	go func() {
		defer close(r.over)
		for range r.asked {
			all.reload(ctx, log)
		}
	}()
	return r
}

func (r *reloader) ask() {
	select {
	case r.asked <- struct{}{}:
	default:
	}
}

// close ends the reload that is under way, and waits for that.
func (r *reloader) close() {
	r.cancel()
	close(r.asked)
	<-r.over
}
