package top

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"highball/internal/admin"
)

// Server answers for a running server. Its methods may be called from any goroutine, and end with their context. An *admin.Client is one.
type Server interface {
	Status(ctx context.Context) (admin.Status, error)
	Statistics(ctx context.Context) (admin.Statistics, error)
	History(ctx context.Context, span time.Duration) (admin.History, error)
	Requests(ctx context.Context) (admin.Requests, error)
	Stack(ctx context.Context, id string) (admin.Stack, error)
	Kill(ctx context.Context, id string) (admin.Killed, error)
}

// The pace of questions.
const (
	pollEvery   = time.Second
	longestWait = 8 * time.Second // between two attempts to reach a server that is lost
	askPatience = 5 * time.Second // with one question
)

// kept is how many seconds of history are kept: more than any terminal has columns. Of these, recently are asked for again at each poll.
const (
	kept     = 600
	recently = 15
)

// snapshot is a server at one moment.
type snapshot struct {
	status     admin.Status
	statistics admin.Statistics
	ticks      []admin.Tick // the oldest first, at most kept
	requests   []admin.Request
	withheld   []string // what this server cannot tell
}

// The messages that the model gets, besides those of Bubble Tea.
type (
	// polled is the outcome of one poll.
	polled struct {
		snapshot snapshot
		err      error
	}
	// due says that it is time for the next poll.
	due struct{}
	// stackTaken is a stack that was asked for.
	stackTaken struct {
		id    string
		stack admin.Stack
		err   error
	}
	// killed is the outcome of a kill.
	killed struct {
		id  string
		err error
	}
)

// asker turns questions into commands, which Bubble Tea runs on goroutines that it does not wait for; so end does.
type asker struct {
	ctx    context.Context // of all questions: a command has no other way to get one
	server Server

	mu    sync.Mutex // guards the following fields
	ended bool
	calls sync.WaitGroup // is added to only before the end
}

// begin reports whether a command may still begin. It is to call calls.Done then.
func (a *asker) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return false
	}
	a.calls.Add(1)
	return true
}

// end lets no more commands begin, and waits for those that have. Their context is to be done.
func (a *asker) end() {
	a.mu.Lock()
	a.ended = true
	a.mu.Unlock()
	a.calls.Wait()
}

// command returns a command that asks within a time.
func (a *asker) command(within time.Duration, ask func(context.Context) tea.Msg) tea.Cmd {
	return func() tea.Msg {
		if !a.begin() {
			return nil
		}
		defer a.calls.Done()
		ctx, cancel := context.WithTimeout(a.ctx, within)
		defer cancel()
		return ask(ctx)
	}
}

// poll asks how the server is, and for so much of its history. What the server cannot tell is left empty.
func (a *asker) poll(span time.Duration) tea.Cmd {
	return a.command(askPatience, func(ctx context.Context) tea.Msg {
		var s snapshot
		var err error
		if s.status, err = a.server.Status(ctx); err != nil {
			return polled{err: err}
		}
		for _, question := range []struct {
			about string
			ask   func() error
		}{
			{"statistics", func() (err error) {
				s.statistics, err = a.server.Statistics(ctx)
				return err
			}},
			{"history", func() error {
				history, err := a.server.History(ctx, span)
				s.ticks = history.Ticks
				return err
			}},
			{"requests", func() error {
				requests, err := a.server.Requests(ctx)
				s.requests = requests.Requests
				return err
			}},
		} {
			err := question.ask()
			var refused *admin.Refused
			switch {
			case errors.As(err, &refused) && refused.Status == notImplemented:
				s.withheld = append(s.withheld, question.about)
			case err != nil:
				return polled{err: err}
			}
		}
		return polled{snapshot: s}
	})
}

// notImplemented is the status by which a server answers what it was not built or configured for (RFC 9110, section 15.6.2).
const notImplemented = 501

// after says that the next poll is due when a time has passed.
func (a *asker) after(wait time.Duration) tea.Cmd {
	return a.command(wait, func(ctx context.Context) tea.Msg {
		<-ctx.Done()
		return due{}
	})
}

func (a *asker) stack(id string) tea.Cmd {
	return a.command(askPatience, func(ctx context.Context) tea.Msg {
		stack, err := a.server.Stack(ctx, id)
		return stackTaken{id, stack, err}
	})
}

func (a *asker) kill(id string) tea.Cmd {
	return a.command(askPatience, func(ctx context.Context) tea.Msg {
		_, err := a.server.Kill(ctx, id)
		return killed{id, err}
	})
}

// extended returns the seconds that were known with those that are new. A second that both have counts as it is in the newer ones.
func extended(old, recent []admin.Tick) []admin.Tick {
	if len(recent) == 0 {
		return old
	}
	all := make([]admin.Tick, 0, len(old)+len(recent))
	for _, t := range old {
		if t.Time < recent[0].Time {
			all = append(all, t)
		}
	}
	all = append(all, recent...)
	return all[max(0, len(all)-kept):]
}
