package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// readable is a handler of log records for people: texts of several lines, such as the tracebacks of applications, stand below the
// record as they are, and not in it with their line ends escaped.
type readable struct {
	slog.Handler // writes to text.record
	text         *paragraphs
}

// paragraphs writes a record and what belongs to it in one piece.
type paragraphs struct {
	w      io.Writer
	mu     sync.Mutex // guards the following field, and writes to w
	record bytes.Buffer
}

// Handle implements slog.Handler.
func (h *readable) Handle(ctx context.Context, r slog.Record) error {
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	var long []string
	r.Attrs(func(a slog.Attr) bool {
		if v := a.Value.Resolve(); v.Kind() == slog.KindString && strings.Contains(v.String(), "\n") {
			long = append(long, v.String())
		} else {
			short.AddAttrs(a)
		}
		return true
	})
	h.text.mu.Lock()
	defer h.text.mu.Unlock()
	h.text.record.Reset()
	if err := h.Handler.Handle(ctx, short); err != nil {
		return err
	}
	for _, text := range long {
		for line := range strings.Lines(withLineEnd(text)) {
			h.text.record.WriteString("  " + line)
		}
	}
	_, err := h.text.w.Write(h.text.record.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *readable) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &readable{h.Handler.WithAttrs(attrs), h.text}
}

// WithGroup implements slog.Handler.
func (h *readable) WithGroup(name string) slog.Handler {
	return &readable{h.Handler.WithGroup(name), h.text}
}
