package app

import "context"

// errands does what signals ask for on a goroutine of its own, one thing after the other, so that Run hears of other signals meanwhile.
type errands struct {
	reload  chan struct{} // one more wish is kept while one is being granted
	upgrade chan struct{}
	over    chan struct{}
}

// newErrands begins to do errands, until ctx ends; then over is closed.
func newErrands(ctx context.Context, reload, upgrade func(context.Context)) *errands {
	e := &errands{reload: make(chan struct{}, 1), upgrade: make(chan struct{}, 1), over: make(chan struct{})}
	go func() {
		defer close(e.over)
		for {
			select {
			case <-e.reload:
				reload(ctx)
			case <-e.upgrade:
				upgrade(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
	return e
}

// ask has something done that one of the channels is for.
func ask(errand chan<- struct{}) {
	select {
	case errand <- struct{}{}:
	default:
	}
}
