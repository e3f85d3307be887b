package top

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"highball/internal/admin"
)

// headerHeight is how many lines the header has, the line of panes included.
const headerHeight = 7

// phaseLook is how a phase is drawn in the bar.
type phaseLook struct {
	name string
	fill string
	look style
}

// phaseLooks returns the phases in their order. Each has a fill of its own, so that the bar can be read without colours.
func phaseLooks() []phaseLook {
	return []phaseLook{
		{"head", "·", "36"},
		{"body", "-", "34"},
		{"queue", "▒", "31"},
		{"app", "█", "32"},
		{"stream", "▓", "33"},
		{"send", "░", "35"},
	}
}

// lately is how many seconds the bar of phases is about.
const lately = 10

// header returns the lines above the panes.
func (m *model) header() []string {
	s := m.shown()
	if s == nil {
		s = new(snapshot)
	}
	return []string{
		m.titleLine(s),
		m.rateLine(s),
		m.loadLine(s),
		m.sparkLine(s),
		m.phaseBar(s),
		m.phaseLegend(s),
		m.paneLine(),
	}
}

// titleLine tells which server that is, and how the connection to it is.
func (m *model) titleLine(s *snapshot) string {
	name := fmt.Sprintf(" highball %s  pid %d  up %s  %s", s.status.Version, s.status.PID, span(s.status.Uptime), cmp.Or(s.status.Configuration, m.name))
	if m.latest == nil {
		name = " highball  " + m.name
	}
	state, look := "", reversed
	switch m.link {
	case connecting:
		state = "connecting"
	case connected:
		state = s.status.State
		if m.paused != nil {
			state = "paused"
		}
	case lost:
		state, look = "LOST", "7;1;31"
	case ended:
		state, look = "ENDED", "7;1;31"
	}
	state = " " + clean(state) + " "
	return look.paint(fit(name, m.width-ansi.StringWidth(state), left) + state)
}

// figures sets labelled figures side by side. They are numbers, so that nothing of them is to be cleaned.
type figures struct {
	b strings.Builder
}

func (f *figures) add(label string, look style, value string) {
	if f.b.Len() > 0 {
		f.b.WriteString("  ")
	}
	f.b.WriteString(faint.paint(label) + " " + look.paint(value))
}

// within returns the figures in one line.
func (f *figures) within(width int) string { return padded(f.b.String(), width) }

// padded returns text that has styles, and in which nothing is to be cleaned, in exactly so many columns.
func padded(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}

// failed counts what ended by a server error or without an answer.
func failed(t admin.Tick) int64 { return t.Status["5xx"] + t.Status["none"] }

// last returns the ticks of the last seconds.
func last(ticks []admin.Tick, seconds int64) []admin.Tick {
	if len(ticks) == 0 {
		return nil
	}
	now := ticks[len(ticks)-1].Time
	for i, t := range ticks {
		if t.Time > now-seconds {
			return ticks[i:]
		}
	}
	return nil
}

// tickNow returns the last second.
func tickNow(ticks []admin.Tick) (t admin.Tick) {
	if len(ticks) > 0 {
		t = ticks[len(ticks)-1]
	}
	return t
}

func (m *model) rateLine(s *snapshot) string {
	now := tickNow(s.ticks)
	minute := last(s.ticks, 60)
	var requests, errors int64
	for _, t := range minute {
		requests += t.Requests
		errors += failed(t)
	}
	look := plain
	if errors > 0 {
		look = bad
	}
	var f figures
	f.add("requests", bold, count(now.Requests)+"/s")
	f.add("1 min", plain, rate(share(float64(requests), float64(len(minute))))+"/s")
	f.add("errors", look, fmt.Sprintf("%s/s %s", count(failed(now)), percent(share(errors, requests))))
	f.add("p50", plain, span(now.P50))
	f.add("p99", plain, span(now.P99))
	return f.within(m.width)
}

func (m *model) loadLine(s *snapshot) string {
	now := tickNow(s.ticks)
	look := plain
	if now.Waiting > 0 {
		look = doubtful
	}
	var f figures
	f.add("in flight", bold, count(s.status.InFlight))
	f.add("waiting", look, count(int64(now.Waiting)))
	f.add("open", plain, fmt.Sprintf("%s, %s idle", count(int64(s.status.Connections)), count(int64(s.statistics.Connections.Idle))))
	f.add("sent", plain, size(float64(now.Sent))+"/s")
	if lag := longestLag(s.statistics.Loops); lag >= 0.01 {
		f.add("loop lag", doubtful, span(lag))
	}
	if lost := s.statistics.LostLines; lost > 0 {
		f.add("lost log lines", doubtful, count(lost))
	}
	return f.within(m.width)
}

func longestLag(loops []admin.Loop) (longest float64) {
	for _, l := range loops {
		longest = max(longest, l.Lag)
	}
	return longest
}

// labelled is how wide the labels before bars are.
const labelled = 9

// sparkLine draws the rate of the last seconds, one a column, the last at the right.
func (m *model) sparkLine(s *snapshot) string {
	steps := []rune("▁▂▃▄▅▆▇█")
	var peak int64
	note := func() string { return "  peak " + count(peak) + "/s" }
	room := m.width - labelled - len("  peak 1,000,000/s")
	ticks := last(s.ticks, int64(max(room, 0)))
	for _, t := range ticks {
		peak = max(peak, t.Requests)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", max(0, room-len(ticks))))
	for _, t := range ticks {
		step := 0
		if peak > 0 {
			step = int(math.Round(float64(t.Requests) / float64(peak) * float64(len(steps)-1)))
		}
		b.WriteRune(steps[step])
	}
	return padded(faint.paint(fit("rate", labelled, left))+style("36").paint(b.String())+note(), m.width)
}

// phaseShares returns which part of the time of the last seconds each phase has had.
func phaseShares(ticks []admin.Tick) map[string]float64 {
	sums, all := make(map[string]float64), 0.0
	for _, t := range last(ticks, lately) {
		for _, p := range phaseLooks() {
			sums[p.name] += t.Phases[p.name]
			all += t.Phases[p.name]
		}
	}
	for name := range sums {
		sums[name] = share(sums[name], all)
	}
	return sums
}

// phaseBar draws the shares of the phases, so that their columns add up to the bar.
func (m *model) phaseBar(s *snapshot) string {
	shares, room := phaseShares(s.ticks), m.width-labelled
	var b strings.Builder
	sum, drawn := 0.0, 0
	for _, p := range phaseLooks() {
		sum += shares[p.name]
		to := int(math.Round(sum * float64(room)))
		b.WriteString(p.look.paint(strings.Repeat(p.fill, max(0, to-drawn))))
		drawn = max(drawn, to)
	}
	return padded(faint.paint(fit("phases", labelled, left))+b.String(), m.width)
}

func (m *model) phaseLegend(s *snapshot) string {
	shares := phaseShares(s.ticks)
	line := strings.Repeat(" ", labelled)
	for _, p := range phaseLooks() {
		line += p.look.paint(p.fill) + " " + p.name + " " + strconv.FormatFloat(shares[p.name]*100, 'f', 0, 64) + "%  "
	}
	return padded(strings.TrimRight(line, " "), m.width)
}

// paneLine names the panes, the filter, and what is missing.
func (m *model) paneLine() string {
	line := ""
	for i, name := range [panes]string{"overview", "slowest", "frequent", "in flight", "workers"} {
		text := fmt.Sprintf(" %d %s ", i+1, name)
		if pane(i) == m.pane {
			text = reversed.paint("[" + text[1:len(text)-1] + "]")
		}
		line += text
	}
	if m.filter != "" && m.mode != filtering {
		line += doubtful.paint("  filter: " + clean(m.filter))
	}
	if s := m.shown(); s != nil && len(s.withheld) > 0 {
		line += doubtful.paint("  the server has no " + strings.Join(s.withheld, ", no "))
	}
	return padded(line, m.width)
}
