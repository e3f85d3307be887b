package app

import (
	"fmt"
	"io"

	"highball/internal/config"
	"highball/internal/observe"
)

// logPlace says where a log is written to. Two of the same value are the same place.
type logPlace struct {
	kind   string // what the log is called
	file   string // absolute path, or ""
	syslog string // address, or ""
	stdout bool   // where there is neither
	rotate config.Rotate
}

// logOutput is what a log is written to.
type logOutput struct {
	place logPlace
	io.Writer
	file   *observe.File // nil where it is none
	closer io.Closer     // nil where there is nothing to close
}

func noOutput() *logOutput { return &logOutput{Writer: io.Discard} }

// output returns the present output if it is at the place, else another one. It may be nil where there is an error.
func (a *App) output(present *logOutput, p logPlace) (*logOutput, error) {
	switch {
	case present.place == p:
		return present, nil
	case p.file != "":
		file, err := observe.OpenRotated(p.file, a.rotation(p))
		if err != nil {
			return nil, remedied(fmt.Errorf("%s: %w", p.kind, err), openRemedy(err))
		}
		return &logOutput{place: p, Writer: file, file: file, closer: file}, nil
	case p.syslog != "":
		s, err := observe.NewSyslog(p.syslog, "highball", "access")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.kind, err)
		}
		return &logOutput{place: p, Writer: s, closer: s}, nil
	case p.stdout:
		return &logOutput{place: p, Writer: a.env.Stdout}, nil
	}
	return &logOutput{place: p, Writer: io.Discard}, nil
}

func (a *App) rotation(p logPlace) observe.Rotation {
	return observe.Rotation{
		Size: p.rotate.Size, Age: p.rotate.Age, Keep: p.rotate.Keep, Compress: p.rotate.Compress,
		Report: func(err error) { a.log.Error("the "+p.kind+" goes on, but not as it should", "error", err) },
	}
}

// Close closes what has to be closed.
func (o *logOutput) Close() error {
	if o.closer == nil {
		return nil
	}
	return o.closer.Close()
}
