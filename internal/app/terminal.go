package app

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
)

// terminal says what a stream can show.
type terminal struct {
	pretty bool // a person looks at it
	colour bool // and it takes escape sequences
}

// terminalOf judges a stream by what it is and by the environment: NO_COLOR (no-color.org) and TERM.
func terminalOf(w io.Writer, environ []string) terminal {
	file, ok := w.(*os.File)
	if !ok {
		return terminal{}
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return terminal{}
	}
	return terminal{pretty: true, colour: variable(environ, "NO_COLOR") == "" && variable(environ, "TERM") != "dumb"}
}

// variable returns the value of an environment variable; of several, as the system does, the last.
func variable(environ []string, name string) (value string) {
	for _, assignment := range environ {
		if v, ok := strings.CutPrefix(assignment, name+"="); ok {
			value = v
		}
	}
	return value
}

// logger returns the logger for records about the server itself.
func (t terminal) logger(w io.Writer, level slog.Leveler) *slog.Logger {
	if t.pretty {
		text := &paragraphs{w: w}
		options := &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !t.colour}
		return slog.New(&readable{tint.NewTextHandler(&text.record, options), text})
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}

// The styles of the banner (ECMA-48, select graphic rendition).
const (
	bold = "1"
	dim  = "2"
	link = "4;36"
)

// style returns s in the given style where t has styles.
func (t terminal) style(code, s string) string {
	if !t.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
