package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
	"unicode/utf8"

	"highball/internal/admin"
)

// columns is how wide the lines for a person are at most, where one looks at them.
const columns = 80

// show asks a running server for something, and writes it: as JSON, or for people as write does.
func show[T any](ctx context.Context, r Running, form Form, env Env, get func(*admin.Client) (T, error), write func(T) error) error {
	return r.ask(ctx, env, func(c *admin.Client) error {
		answer, err := get(c)
		switch {
		case err != nil:
			return plainly(err)
		case form == JSON:
			return writeJSON(env.Stdout, answer)
		}
		return write(answer)
	})
}

// RequestsOf writes what a running server is answering.
func RequestsOf(ctx context.Context, r Running, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Requests, error) { return c.Requests(ctx) }, func(all admin.Requests) error {
		if len(all.Requests) == 0 {
			_, err := fmt.Fprintln(env.Stdout, "no request is in flight")
			return err
		}
		t := newTable("ID", "AGE", "PHASE", "CLIENT", "WORKER", "ROUTE", "REQUEST")
		for _, q := range all.Requests {
			worker := "-"
			if q.App != "" {
				worker = q.App
				if q.Worker > 0 {
					worker += "#" + strconv.Itoa(q.Worker)
				}
			}
			t.add(q.ID, brief(seconds(q.Age)), q.Phase, cmp.Or(q.Client, "-"), worker, cmp.Or(q.Route.Site+q.Route.Path, "-"), q.Method+" "+q.Target)
		}
		return t.write(env.Stdout, terminalOf(env.Stdout, env.Environ))
	})
}

// StackOf writes where the Python program is that answers a request.
func StackOf(ctx context.Context, r Running, id string, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Stack, error) { return c.Stack(ctx, id) }, func(s admin.Stack) error {
		_, err := fmt.Fprintf(env.Stdout, "request %s, app %s, worker %d, process %d\nat %s\n\n%s", harmless(s.ID), quoted(s.App), s.Worker, s.PID, harmless(s.Line), withLineEnd(harmless(s.Text)))
		return err
	})
}

// KillIn ends a request that a running server is answering.
func KillIn(ctx context.Context, r Running, id string, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Killed, error) { return c.Kill(ctx, id) }, func(k admin.Killed) error {
		_, err := fmt.Fprintf(env.Stdout, "ended the request %s\n", harmless(k.ID))
		return err
	})
}

// WorkersOf writes the workers of a running server's applications.
func WorkersOf(ctx context.Context, r Running, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Workers, error) { return c.Workers(ctx) }, func(all admin.Workers) error {
		if len(all.Applications) == 0 {
			_, err := fmt.Fprintln(env.Stdout, "there is no application, and so no worker")
			return err
		}
		return writeWorkers(env.Stdout, all.Applications)
	})
}

func writeWorkers(w io.Writer, all []admin.Application) error {
	t := newTable("APP", "WORKER", "PID", "STATE", "REQUESTS", "IN FLIGHT", "MEMORY", "AGE")
	for _, a := range all {
		for _, k := range a.Workers {
			memory := "-"
			if k.Memory >= 0 {
				memory = strconv.FormatFloat(float64(k.Memory)/(1<<20), 'f', 1, 64) + " MiB"
			}
			t.add(quoted(a.Name), strconv.Itoa(k.Number), strconv.Itoa(k.PID), k.State, strconv.FormatInt(k.Requests, 10), strconv.Itoa(k.InFlight), memory, span(seconds(k.Age)))
		}
		if a.Waiting > 0 {
			t.add(quoted(a.Name), "", "", "waiting", "", strconv.Itoa(a.Waiting), "", "")
		}
	}
	if err := t.write(w, terminal{}); err != nil {
		return err
	}
	for _, a := range all {
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(a.Restarts)) {
			if n := a.Restarts[reason]; n > 0 {
				reasons = append(reasons, fmt.Sprintf("%s %d", harmless(reason), n))
			}
		}
		if len(reasons) == 0 {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s: workers replaced: %s\n", quoted(a.Name), strings.Join(reasons, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// table is lines of columns.
type table struct {
	text strings.Builder
	w    *tabwriter.Writer
}

func newTable(heads ...string) *table {
	t := new(table)
	t.w = tabwriter.NewWriter(&t.text, 0, 0, 2, ' ', 0)
	t.add(heads...)
	return t
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = strings.ReplaceAll(harmless(cells[i]), "\t", " ")
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// write writes the lines, cut where somebody looks at them.
func (t *table) write(w io.Writer, on terminal) error {
	_ = t.w.Flush() // into memory
	for line := range strings.Lines(t.text.String()) {
		line = strings.TrimRight(line, " \n")
		if r := []rune(line); on.pretty && len(r) > columns {
			line = string(r[:columns-1]) + "…"
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false) // it is for no page
	return e.Encode(v)
}

// plainly returns the error of a request of which one line tells everything.
func plainly(err error) error {
	var answer *admin.Refused
	if errors.As(err, &answer) && len(answer.Lines) > 0 {
		return errors.New(strings.Join(answer.Lines, "\n"))
	}
	return err
}

// harmless returns a text without what terminals take for orders.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return '?'
		}
		return r
	}, s)
}

// brief returns a duration of a request: "0.8ms", "12ms", "3.4s", "2m5s".
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(d.Seconds()*1000, 'f', 1, 64) + "ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < time.Minute:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return span(d)
}
