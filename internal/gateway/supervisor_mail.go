package gateway

import (
	"sync"
	"time"
)

// mailbox holds what the supervisor's goroutine is to do. Sending never blocks, so that event loops may send; what is sent
// after close is dropped.
type mailbox struct {
	wake chan struct{} // has one element while there is mail that was not looked at

	mu     sync.Mutex // guards the following fields
	mail   []func()
	closed bool
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

func (m *mailbox) send(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.mail = append(m.mail, f)
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// receive waits for mail.
func (m *mailbox) receive() []func() {
	<-m.wake
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = nil
	return mail
}

// close drops all mail.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.mail = true, nil
}

// clock is the time as the supervisor and the watcher see it.
type clock struct {
	now func() time.Time
	// after has f called on a goroutine of its own when d is over, unless cancel is called before.
	after func(d time.Duration, f func()) (cancel func())
}

func systemClock() clock {
	return clock{
		now: time.Now,
		after: func(d time.Duration, f func()) func() {
			t := time.AfterFunc(d, f)
			return func() { t.Stop() }
		},
	}
}
