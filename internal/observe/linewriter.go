package observe

import (
	"bytes"
	"errors"
	"io"
)

// lineWriter writes batches of lines to a writer that may fail at any byte. A
// line that a failure has cut is ended before the next batch, so that it is the
// only one that suffers.
type lineWriter struct {
	w    io.Writer
	torn bool // the last byte that went out was inside a line
}

// lineStarter is known by writers that can change to another destination, as
// File does, where a torn line does not matter any more.
type lineStarter interface {
	atLineStart() bool
}

// write writes b and returns how many of its lines did not go out whole, with
// the reason.
func (l *lineWriter) write(b batch) (lost int64, err error) {
	if l.torn {
		if s, ok := l.w.(lineStarter); !ok || !s.atLineStart() {
			if _, err := l.writeBytes([]byte{'\n'}); err != nil {
				return b.lines, err
			}
		}
		l.torn = false
	}
	n, err := l.writeBytes(b.text)
	if err == nil {
		return 0, nil
	}
	var counted *lostLines
	if errors.As(err, &counted) {
		return counted.lines, err
	}
	l.torn = n > 0 && b.text[n-1] != '\n'
	return b.lines - int64(bytes.Count(b.text[:n], []byte{'\n'})), err
}

// writeBytes is Write for writers that break its contract too.
func (l *lineWriter) writeBytes(p []byte) (int, error) {
	n, err := l.w.Write(p)
	n = min(max(n, 0), len(p))
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	return n, err
}
