package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"highball/internal/admin"
)

// stack is where the program is that answers a request, as far as that is known.
type stack struct {
	id      string
	request string       // "GET /slow"
	taken   *admin.Stack // nil before it is there
	err     error
	first   int // the line at the top
}

// askStack asks for the stack of the selected request, and shows what comes.
func (m *model) askStack() tea.Cmd {
	r := m.selected()
	if r == nil {
		m.tell("no request is selected: they are in panes 1 and 4")
		return nil
	}
	m.mode = reading
	m.stack = stack{id: r.ID, request: r.Method + " " + r.Target}
	return m.asker.stack(r.ID)
}

func (s *stack) take(t stackTaken) {
	if t.id != s.id {
		return // it was for another one
	}
	s.err = t.err
	if t.err == nil {
		s.taken = &t.stack
	}
}

func (m *model) pressReading(name string) tea.Cmd {
	last := max(0, len(m.stack.lines())-(m.bodyHeight()-1))
	page := max(1, m.bodyHeight()-2)
	switch name {
	case "q", "esc", "enter":
		m.mode = browsing
		m.stack = stack{}
	case "r":
		return m.asker.stack(m.stack.id)
	case "up":
		m.stack.first--
	case "down":
		m.stack.first++
	case "pgup":
		m.stack.first -= page
	case "pgdown":
		m.stack.first += page
	case "home":
		m.stack.first = 0
	case "end":
		m.stack.first = last
	}
	m.stack.first = min(max(m.stack.first, 0), last)
	return nil
}

// lines returns the text, not cleaned yet.
func (s *stack) lines() []string {
	switch {
	case s.err != nil:
		return []string{"no stack: " + problemText(s.err)}
	case s.taken == nil:
		return []string{"asking for the stack"}
	}
	t := s.taken
	lines := []string{fmt.Sprintf("at %s: %s, worker %d (process %d) is at", t.Taken.Format("15:04:05"), t.App, t.Worker, t.PID), "  " + t.Line, ""}
	return append(lines, strings.Split(strings.TrimRight(strings.ReplaceAll(t.Text, "\t", "    "), "\n"), "\n")...)
}

func (s *stack) draw(width, height int) []string {
	drawn := []string{ruled(fmt.Sprintf("stack of %s, %s", s.id, s.request), width)}
	lines := s.lines()
	for i := s.first; i < len(lines) && len(drawn) < height; i++ {
		drawn = append(drawn, fit(lines[i], width, left))
	}
	return drawn
}
