package app

import (
	"time"

	"highball/internal/config"
	"highball/internal/observe"
)

// slowPlace returns where a configuration has slow requests told of, but for the server's own log.
func slowPlace(l config.Log) logPlace {
	p := logPlace{kind: "slow log"}
	if l.Slow != config.Off && l.SlowFile != "" {
		p.file, p.rotate = l.SlowFile, l.Rotate
	}
	return p
}

// tellSlow returns what tells of slow requests, in a file if there is one and else in the server's log.
func (a *App) tellSlow(out *logOutput) func(*observe.Slow, int64) {
	failed := false
	return func(s *observe.Slow, lost int64) {
		if lost > 0 {
			a.log.Warn("slow requests were not told of, since there were too many", "requests", lost)
		}
		if out.file == nil {
			a.logSlow(s)
			return
		}
		_, err := out.file.Write(s.AppendJSON(nil))
		if err != nil && !failed { // that it still fails need not be told
			a.log.Error("slow log lines were lost", "err", err)
		}
		failed = err != nil
	}
}

// logSlow tells the server's log of a slow request.
func (a *App) logSlow(s *observe.Slow) {
	attributes := []any{
		"id", s.ID, "method", s.Method, "target", s.Target, "route", s.Site + s.Route, "status", s.Status, "duration", s.Duration.Round(time.Microsecond),
	}
	for p, span := range s.Spans {
		attributes = append(attributes, observe.Phase(p).String(), span.Round(time.Microsecond))
	}
	if s.Stack != "" {
		attributes = append(attributes, "stack", s.Stack)
	}
	a.log.Warn("slow request", attributes...)
}
