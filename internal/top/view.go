package top

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// The smallest terminal that is drawn on as usual, and what the overview makes of others.
const (
	leastWidth    = 40
	leastHeight   = headerHeight + 4
	twoColumns    = 120 // from this width on tables stand side by side
	leastOverview = 12  // lines below the header, for more than one table
	tallOverview  = 24  // lines below the header, for all tables below each other
)

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	v.WindowTitle = "highball top"
	return v
}

// screen returns the lines of the terminal, each as wide as it.
func (m *model) screen() []string {
	if m.width < leastWidth || m.height < leastHeight {
		return []string{fit(fmt.Sprintf("too small: %dx%d at least", leastWidth, leastHeight), m.width, left)}
	}
	lines := m.header()
	body := m.body()
	for len(body) < m.bodyHeight() {
		body = append(body, strings.Repeat(" ", m.width))
	}
	return append(append(lines, body[:m.bodyHeight()]...), m.footer())
}

func (m *model) bodyHeight() int { return m.height - headerHeight - 1 }

// body returns what stands between the header and the last line.
func (m *model) body() []string {
	switch {
	case m.mode == reading:
		return m.stack.draw(m.width, m.bodyHeight())
	case m.mode == helped:
		return m.help()
	case m.shown() == nil:
		return m.unconnected()
	case m.pane != overview:
		s := m.focused()
		return m.drawTable(s, m.width, m.bodyHeight())
	case m.bodyHeight() < leastOverview:
		return m.drawTable(inFlight, m.width, m.bodyHeight())
	case m.width >= twoColumns:
		return m.overviewInTwo()
	case m.bodyHeight() >= tallOverview:
		return m.stacked(m.width, m.bodyHeight(), inFlight, slowest, frequent, workers)
	}
	return m.stacked(m.width, m.bodyHeight(), inFlight, slowest, workers)
}

// focusedWidth returns how wide the table is that keys are for.
func (m *model) focusedWidth() int {
	if m.pane == overview && m.width >= twoColumns {
		return m.rightWidth()
	}
	return m.width
}

// gap is what stands between two columns of tables.
const gap = 2

func (m *model) rightWidth() int { return (m.width - gap) / 2 }

func (m *model) overviewInTwo() []string {
	to := m.stacked(m.rightWidth(), m.bodyHeight(), inFlight, workers)
	lines := m.stacked(m.width-gap-m.rightWidth(), m.bodyHeight(), slowest, frequent)
	for i := range lines {
		lines[i] += strings.Repeat(" ", gap) + to[i]
	}
	return lines
}

func (m *model) drawTable(s subject, width, height int) []string {
	f := elsewhere
	if s == m.focused() {
		f = here
	}
	nothing := m.tables[s].nothing
	if m.filter != "" {
		nothing = "nothing that the filter leaves"
	}
	return m.tables[s].draw(m.rows(s), m.orders[s], f, nothing, width, height)
}

// stacked draws tables below each other.
func (m *model) stacked(width, height int, all ...subject) (lines []string) {
	needs := make([]int, len(all))
	for i, s := range all {
		needs[i] = 2 + max(1, len(m.rows(s)))
	}
	for i, h := range portions(height, needs) {
		lines = append(lines, m.drawTable(all[i], width, h)...)
	}
	return lines
}

// portions divides a height: nobody gets less than the others for more than he needs, and the last gets what nobody needs.
func portions(height int, needs []int) []int {
	given := make([]int, len(needs))
	for height > 0 {
		hungry := false
		for i := range needs {
			if given[i] < needs[i] && height > 0 {
				given[i]++
				height--
				hungry = true
			}
		}
		if !hungry {
			given[len(given)-1] += height
			break
		}
	}
	return given
}

// unconnected tells that there is nothing to show yet.
func (m *model) unconnected() []string {
	lines := []string{"", "  connecting to " + m.name}
	if m.problem != nil {
		lines = append(lines, "", "  "+m.trouble())
	}
	for i := range lines {
		lines[i] = fit(lines[i], m.width, left)
	}
	return lines
}

// trouble tells why nothing new is shown, and what is done about it.
func (m *model) trouble() string {
	again := fmt.Sprintf("; asking again every %s", span(m.wait.Seconds()))
	switch {
	case nobodyThere(m.problem) && m.latest != nil:
		return "the server has ended" + again
	case nobodyThere(m.problem):
		return "no server is there" + again
	}
	return "the server does not answer: " + problemText(m.problem) + again
}

func (m *model) help() []string {
	lines := []string{fit("", m.width, left)}
	for _, b := range bindings() {
		lines = append(lines, bold.paint(fit("  "+b.key, 18, left))+fit(b.meaning, m.width-18, left))
	}
	return append(lines, fit("", m.width, left), fit("  any key leaves this help", m.width, left))
}

// footer returns the last line: what has just happened or is asked, or else the keys.
func (m *model) footer() string {
	switch {
	case m.mode == confirming:
		return bad.paint(fit(fmt.Sprintf("kill %s, %s %s of %s? y/n", m.doomed.ID, m.doomed.Method, m.doomed.Target, m.doomed.Client), m.width, left))
	case m.mode == filtering:
		return fit("filter: "+m.filter+"▏", m.width, left)
	case m.problem != nil && m.latest != nil:
		return bad.paint(fit(m.trouble(), m.width, left))
	case m.notice != "":
		return bold.paint(fit(m.notice, m.width, left))
	case m.mode == reading:
		return faint.paint(fit("up down scroll  r take it anew  esc back", m.width, left))
	case m.focused() == inFlight:
		return faint.paint(fit("tab pane  s sort  / filter  enter stack  k kill  p pause  ? help  q quit", m.width, left))
	}
	return faint.paint(fit("tab pane  s sort  r reverse  / filter  p pause  ? help  q quit", m.width, left))
}
