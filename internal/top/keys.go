package top

import (
	"slices"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// binding tells what a key is for.
type binding struct {
	key, meaning string
}

// bindings returns all keys, for the help.
func bindings() []binding {
	return []binding{
		{"tab, shift+tab", "the next or the former pane"},
		{"1 to 5", "overview, slowest, most frequent, in flight, workers"},
		{"up, down", "select a row; also pgup, pgdown, home, end"},
		{"s", "sort by the next column; S by the one before"},
		{"r", "reverse the order"},
		{"/", "show only rows with a text in them; esc shows all again"},
		{"enter", "stack of the selected request; in it, r anew and esc back"},
		{"k", "kill the selected request, after a question"},
		{"p", "pause: the screen stays as it is until p is pressed again"},
		{"?", "this help"},
		{"q, ctrl+c", "quit"},
	}
}

// press takes a key.
func (m *model) press(key tea.KeyPressMsg) tea.Cmd {
	name := key.String()
	switch name {
	case "ctrl+c":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	}
	m.notice = ""
	switch m.mode {
	case filtering:
		m.pressFiltering(name, key.Text)
		return nil
	case confirming:
		return m.pressConfirming(name)
	case reading:
		return m.pressReading(name)
	case helped:
		m.mode = browsing
		if name == "q" {
			return tea.Quit
		}
		return nil
	}
	return m.pressBrowsing(name)
}

func (m *model) pressBrowsing(name string) tea.Cmd {
	switch name {
	case "q":
		return tea.Quit
	case "?":
		m.mode = helped
	case "tab":
		m.pane = (m.pane + 1) % panes
	case "shift+tab":
		m.pane = (m.pane + panes - 1) % panes
	case "1", "2", "3", "4", "5":
		m.pane = pane(name[0] - '1')
	case "s":
		m.sortBy(1)
	case "S":
		m.sortBy(-1)
	case "r":
		o := &m.orders[m.focused()]
		o.upside = !o.upside
	case "/":
		m.mode = filtering
	case "esc":
		m.filter = ""
	case "p":
		if m.paused == nil {
			m.paused = m.latest
		} else {
			m.paused = nil
		}
	case "enter":
		return m.askStack()
	case "k":
		m.doomed = m.selected()
		if m.doomed == nil {
			m.tell("no request is selected: they are in panes 1 and 4")
			return nil
		}
		m.mode = confirming
	default:
		m.move(name)
	}
	return nil
}

// sortBy sorts the table by the column so many further on, of those that are visible.
func (m *model) sortBy(step int) {
	o := &m.orders[m.focused()]
	shown := m.tables[m.focused()].visible(m.focusedWidth())
	at := slices.Index(shown, o.column)
	o.column = shown[(at+step+len(shown))%len(shown)]
	o.upside = false
}

// move moves the selection.
func (m *model) move(name string) {
	o, rows := &m.orders[m.focused()], m.rows(m.focused())
	at := o.position(rows)
	if at < 0 {
		return
	}
	page := max(1, m.bodyHeight()-2)
	switch name {
	case "up":
		at--
	case "down":
		at++
	case "pgup":
		at -= page
	case "pgdown":
		at += page
	case "home":
		at = 0
	case "end":
		at = len(rows) - 1
	default:
		return
	}
	o.selected = rows[min(max(at, 0), len(rows)-1)].key
}

// longestFilter is longer than any line.
const longestFilter = 200

func (m *model) pressFiltering(name, text string) {
	switch name {
	case "enter":
		m.mode = browsing
	case "esc":
		m.mode, m.filter = browsing, ""
	case "ctrl+u":
		m.filter = ""
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-size]
	default:
		if len(m.filter)+len(text) <= longestFilter {
			m.filter += text
		}
	}
}

func (m *model) pressConfirming(name string) tea.Cmd {
	m.mode = browsing
	if name != "y" && name != "Y" {
		m.tell("not killed")
		return nil
	}
	return m.asker.kill(m.doomed.ID)
}
