package gateway

import (
	"strings"
	"time"
)

const (
	stderrLine = 2 << 10 // bytes of a line that are logged
	stderrRate = 50      // lines of one script in a second that are logged
)

// stderrLog logs what a script writes to its standard error. It is for one goroutine at a time.
type stderrLog struct {
	run     *cgiRun
	since   time.Time // when the second began
	lines   int       // in it
	dropped int
}

// line logs one line, or counts it.
func (l *stderrLog) line(b []byte) {
	now := time.Now()
	if now.Sub(l.since) >= time.Second {
		l.tellDropped()
		l.since, l.lines = now, 0
	}
	if l.lines == stderrRate {
		l.dropped++
		return
	}
	l.lines++
	cut := ""
	if len(b) > stderrLine {
		b, cut = b[:stderrLine], "…"
	}
	text := strings.TrimRight(strings.ToValidUTF8(string(b), "\uFFFD"), "\r")
	l.run.log("a CGI script says", "line", text+cut)
}

// close tells what was dropped last.
func (l *stderrLog) close() { l.tellDropped() }

func (l *stderrLog) tellDropped() {
	if l.dropped > 0 {
		l.run.log("a CGI script says too much", "dropped", l.dropped)
		l.dropped = 0
	}
}
