package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a configuration file. Lines and columns count from one; columns count bytes.
// A Pos without a Line stands for the whole of File, which then may also name an
// environment variable; one without a Column stands for the whole line, and one without a File is in the text that was given.
type Pos struct {
	File         string
	Line, Column int
}

// String returns "file:line:column", as compilers write it and editors follow it.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	at := strings.TrimPrefix(p.File+":"+strconv.Itoa(p.Line), ":")
	if p.Column == 0 {
		return at
	}
	return at + ":" + strconv.Itoa(p.Column)
}

// seenFrom says where p is to somebody who reads about other.
func (p Pos) seenFrom(other Pos) string {
	if p.File == other.File {
		return "in line " + strconv.Itoa(p.Line)
	}
	return "at " + p.File + ":" + strconv.Itoa(p.Line)
}

// Error is one thing that is wrong with a configuration.
type Error struct {
	Pos     Pos
	Problem string // what is wrong
	Remedy  string // what to write instead; "" where there is nothing helpful to say
}

// Error returns one line: the position, the problem and the remedy.
func (e *Error) Error() string {
	var b strings.Builder
	if at := e.Pos.String(); at != "" {
		b.WriteString(at + ": ")
	}
	b.WriteString(e.Problem)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Errors is everything that is wrong with a configuration, sorted by position. It is never
// returned empty.
type Errors []*Error

// Error returns one line for each error.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes each *Error reachable by errors.As.
func (es Errors) Unwrap() []error {
	list := make([]error, len(es))
	for i, e := range es {
		list[i] = e
	}
	return list
}

// add records a problem at pos.
func (es *Errors) add(pos Pos, problem, remedy string) {
	*es = append(*es, &Error{Pos: pos, Problem: problem, Remedy: remedy})
}

// fail records at pos what err, an error without a position, says.
func (es *Errors) fail(pos Pos, err error) {
	wrong := &Error{Problem: err.Error()}
	errors.As(err, &wrong)
	es.add(pos, wrong.Problem, wrong.Remedy)
}

// result sorts the errors and returns them as an error that is nil where there are none.
func (es Errors) result() error {
	if len(es) == 0 {
		return nil
	}
	es.Sort()
	return es
}

// Sort puts the errors into the order of their positions.
func (es Errors) Sort() {
	slices.SortStableFunc(es, func(a, b *Error) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
		)
	})
}
