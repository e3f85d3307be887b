package admin

import (
	"context"
	"fmt"
	"time"

	"highball"
	"highball/internal/observe"
)

// Backend is what a server can do. Its functions may be called from any goroutine, and block as long as they take. An error that is a
// *[Refused] answers with its status, any other with 422. What is nil the server cannot do: that is answered by 501.
type Backend struct {
	Status  func(ctx context.Context) (Status, error)
	Reload  func(ctx context.Context, order ReloadOrder) (Reloaded, error)
	Upgrade func(ctx context.Context) (Upgraded, error)
	Stop    func(ctx context.Context, order StopOrder) (Stopping, error)

	// What is being answered. The error is a *Refused with the status 404 where no request has that ID.
	Requests func(ctx context.Context) (Requests, error)
	Stack    func(ctx context.Context, id string) (Stack, error)
	Kill     func(ctx context.Context, id string) (Killed, error)
	Workers  func(ctx context.Context) (Workers, error)

	// What was.
	Statistics func(ctx context.Context) (Statistics, error)
	History    func(ctx context.Context, span time.Duration) (History, error)
	Metrics    highball.Handler

	// The flight recorder.
	Recent   func(ctx context.Context, q RecentQuery) (Recent, error)
	Exchange func(ctx context.Context, id string) (Exchange, error)
	Replay   func(ctx context.Context, id string, order ReplayOrder) (Replayed, error)
	Record   func(ctx context.Context, order RecordOrder) (Recording, error)

	Configuration func(ctx context.Context) (Configuration, error)
	Address       func(ctx context.Context) (Address, error) // asked at the unix socket alone

	// What happens. Ticks and Lines have take called for each second, and for each line of the access log that a filter lets pass, until cancel is called, which
	// waits for calls that are under way. take may be called several at a time; it never blocks, and keeps nothing.
	Hello func() Hello
	Ticks func(take func(Tick)) (cancel func())
	Lines func(f observe.TailFilter, take func(line []byte)) (cancel func())

	// Dashboard answers GET for "/" and for what lies below "/assets/". It has nothing that is secret.
	Dashboard highball.Handler
}

// refusedf returns the error of a request that is not granted.
func refusedf(status int, format string, a ...any) error {
	return &Refused{status, []string{fmt.Sprintf(format, a...)}}
}
