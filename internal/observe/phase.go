package observe

import "time"

// Phase is a part of the time that a request takes. Each moment from a request's first byte to its answer's last belongs to one.
type Phase uint8

// The phases, in the order in which most requests go through them.
const (
	Head   Phase = iota // from the first byte until the head is complete
	Body                // waiting for the client's body
	Queue               // waiting for somebody who answers: a goroutine, a worker
	App                 // until the answer begins
	Stream              // making the rest of the answer, and reading it from a file
	Send                // until the client, or the system on its behalf, has taken the answer
)

// Phases is their number.
const Phases = 6

// String returns the phase's name, as logs have it.
func (p Phase) String() string {
	return [...]string{"head", "body", "queue", "app", "stream", "send"}[p]
}

// Spans is how long each phase was.
type Spans [Phases]time.Duration
