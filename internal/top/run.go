package top

import (
	"context"
	"errors"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
)

// Terminal is where a person looks on.
type Terminal struct {
	In      io.Reader // nil is standard input, or the terminal itself where that is none
	Out     io.Writer
	Environ []string // as os.Environ returns it
	Name    string   // of the server, for the title
}

// Check tells why the terminal cannot be drawn on. The error is for a person.
func (t Terminal) Check() error {
	file, ok := t.Out.(term.File)
	if !ok || !term.IsTerminal(file.Fd()) {
		return errors.New("top draws on a terminal, and standard output is none; \"highball requests --json\" and \"highball status --json\" write for programs")
	}
	kind := ""
	for _, assignment := range t.Environ {
		if value, ok := strings.CutPrefix(assignment, "TERM="); ok {
			kind = value // of several, the last counts
		}
	}
	switch kind {
	case "dumb":
		return errors.New("top draws on a terminal, and TERM=dumb says that this one cannot move its cursor; \"highball requests\" and \"highball status\" write plain lines")
	case "":
		return errors.New("top draws on a terminal, and TERM does not say of which kind this one is; set it, such as TERM=xterm, or see \"highball requests\" and \"highball status\"")
	}
	return nil
}

// Run shows a server until the person quits or ctx is done, and leaves the terminal as it was. It does not judge the terminal, see [Terminal.Check].
func Run(ctx context.Context, s Server, t Terminal) error {
	ctx, cancel := context.WithCancel(ctx)
	a := &asker{ctx: ctx, server: s}
	defer a.end()
	defer cancel()
	options := []tea.ProgramOption{tea.WithContext(ctx), tea.WithOutput(t.Out), tea.WithEnvironment(t.Environ)}
	if t.In != nil {
		options = append(options, tea.WithInput(t.In))
	}
	_, err := tea.NewProgram(newModel(a, t.Name), options...).Run()
	if errors.Is(err, tea.ErrInterrupted) || ctx.Err() != nil {
		return nil // both are ways to quit
	}
	return err
}
