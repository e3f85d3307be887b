package top

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"
	"time"

	tea "charm.land/bubbletea/v2"

	"highball/internal/admin"
)

// pane is what stands below the header.
type pane uint8

const (
	overview pane = iota // several tables
	slowestPane
	frequentPane
	inFlightPane
	workersPane
	panes // how many there are
)

// link is how the connection to the server is.
type link uint8

const (
	connecting link = iota // there was none yet
	connected
	lost  // the server does not answer
	ended // nobody is there to answer
)

// mode is what the keys mean.
type mode uint8

const (
	browsing mode = iota
	filtering
	confirming // whether a request is to be killed
	reading    // the stack of a request
	helped     // the meaning of all keys
)

// model is all that View draws.
type model struct {
	asker  *asker
	name   string // of the server
	tables [subjects]*table

	width, height int // of the terminal

	link    link
	problem error         // why the last poll has failed; nil if it has not
	wait    time.Duration // until the next attempt, after a failure

	latest *snapshot // nil before the first
	paused *snapshot // is shown instead, if it is set

	pane   pane
	mode   mode
	orders [subjects]order
	filter string
	notice string         // is shown until the next key, and for a few polls
	shelf  int            // how many polls the notice outlives
	doomed *admin.Request // whom the question is about, while there is one
	stack  stack
}

func newModel(a *asker, name string) *model {
	m := &model{asker: a, name: name, tables: tables(), width: 80, height: 24}
	for i, t := range m.tables {
		m.orders[i].column = t.sorted
	}
	return m
}

// Init begins to ask.
func (m *model) Init() tea.Cmd { return m.asker.poll(kept * time.Second) }

// Update takes a message. It runs on one goroutine, and changes the model in place.
func (m *model) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = message.Width, message.Height
	case tea.KeyPressMsg:
		return m, m.press(message)
	case tea.PasteMsg:
		if m.mode == filtering {
			m.filter += message.Content
		}
	case polled:
		return m, m.asker.after(m.take(message))
	case due:
		span := time.Duration(recently)
		if m.latest == nil || m.link != connected {
			span = kept
		}
		return m, m.asker.poll(span * time.Second)
	case stackTaken:
		m.stack.take(message)
	case killed:
		if message.err != nil {
			m.tell("cannot kill " + message.id + ": " + problemText(message.err))
		} else {
			m.tell("killed " + message.id)
		}
	}
	return m, nil
}

// take takes the outcome of a poll, and returns when the next one is due.
func (m *model) take(p polled) time.Duration {
	if p.err != nil {
		m.problem = p.err
		switch {
		case nobodyThere(p.err):
			m.link = ended
		case m.latest != nil:
			m.link = lost
		}
		if m.latest == nil {
			m.link = connecting
		}
		m.wait = min(max(pollEvery, 2*m.wait), longestWait)
		return m.wait
	}
	if m.shelf--; m.shelf < 0 {
		m.notice = ""
	}
	if m.latest != nil {
		if m.latest.status.PID == p.snapshot.status.PID {
			p.snapshot.ticks = extended(m.latest.ticks, p.snapshot.ticks)
		} else {
			m.tell("another process has taken over")
		}
	}
	if m.link == lost || m.link == ended {
		m.tell("the server is back")
	}
	m.link, m.problem, m.wait = connected, nil, 0
	m.latest = &p.snapshot
	return pollEvery
}

// noticed is how many polls a notice is shown.
const noticed = 5

// tell shows a notice in the last line.
func (m *model) tell(notice string) { m.notice, m.shelf = notice, noticed }

// nobodyThere reports whether an error says that no process has the socket.
func nobodyThere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// problemText returns an error in one line.
func problemText(err error) string {
	var refused *admin.Refused
	if errors.As(err, &refused) {
		return refused.Error()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// shown returns what is to be drawn: nil before there is anything.
func (m *model) shown() *snapshot {
	if m.paused != nil {
		return m.paused
	}
	return m.latest
}

// focused returns the subject of the table that keys are for.
func (m *model) focused() subject {
	switch m.pane {
	case slowestPane:
		return slowest
	case frequentPane:
		return frequent
	case workersPane:
		return workers
	}
	return inFlight
}

// rows returns the rows of a table as they are shown.
func (m *model) rows(s subject) []row {
	if m.shown() == nil {
		return nil
	}
	return m.tables[s].arranged(m.shown(), m.orders[s], m.filter)
}

// selected returns the request that is selected, nil if none is.
func (m *model) selected() *admin.Request {
	if m.focused() != inFlight {
		return nil
	}
	rows := m.rows(inFlight)
	at := m.orders[inFlight].position(rows)
	if at < 0 {
		return nil
	}
	for i, r := range m.shown().requests {
		if r.ID == rows[at].key {
			return &m.shown().requests[i]
		}
	}
	return nil
}
