package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"highball/internal/admin"
	"highball/internal/config"
	"highball/internal/observe"
)

// What the commands ask for, in the terms of the admin interface.
type (
	RecentQuery = admin.RecentQuery
	LogFilter   = admin.LogFilter
	ReplayOrder = admin.ReplayOrder
)

// RecentOf writes what the flight recorder of a running server has.
func RecentOf(ctx context.Context, r Running, q RecentQuery, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Recent, error) { return c.Recent(ctx, q) }, func(all admin.Recent) error {
		if len(all.Exchanges) == 0 {
			_, err := fmt.Fprintln(env.Stdout, "the flight recorder has no such exchange")
			return err
		}
		t := newTable("ID", "TIME", "STATUS", "TOOK", "KEPT", "CLIENT", "REQUEST")
		for i := range all.Exchanges {
			e := &all.Exchanges[i]
			kept := "-"
			if e.Kept {
				kept = "kept"
			}
			t.add(e.ID, e.Time.Local().Format(time.TimeOnly), statusText(e), brief(seconds(e.Duration)), kept, e.Client, e.Method+" "+e.Target)
		}
		return t.write(env.Stdout, terminalOf(env.Stdout, env.Environ))
	})
}

// statusText is the status of an exchange, "cut" where there was none.
func statusText(e *admin.Exchange) string {
	switch {
	case e.Status == 0:
		return "cut"
	case e.Aborted:
		return strconv.Itoa(e.Status) + " cut"
	}
	return strconv.Itoa(e.Status)
}

// ExchangeOf writes one exchange of the flight recorder of a running server, with what it has of heads and bodies.
func ExchangeOf(ctx context.Context, r Running, id string, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Exchange, error) { return c.Exchange(ctx, id) }, func(e admin.Exchange) error {
		return writeExchange(env.Stdout, &e)
	})
}

func writeExchange(w io.Writer, e *admin.Exchange) error {
	var b strings.Builder
	fmt.Fprintf(&b, "request %s of %s at %s: %s in %s\n", e.ID, e.Client, e.Time.Local().Format(time.DateTime), statusText(e), brief(seconds(e.Duration)))
	var phases []string
	for p := observe.Phase(0); p < observe.Phases; p++ {
		phases = append(phases, p.String()+" "+brief(seconds(e.Phases[p.String()])))
	}
	fmt.Fprintf(&b, "%s\n", strings.Join(phases, ", "))
	if e.Stack != "" {
		fmt.Fprintf(&b, "\n%s", withLineEnd(e.Stack))
	}
	for _, part := range []struct {
		head string
		body []byte
	}{{e.RequestHead, e.RequestBody}, {e.ResponseHead, e.ResponseBody}} {
		if part.head != "" {
			fmt.Fprintf(&b, "\n%s\n", strings.TrimRight(strings.ReplaceAll(part.head, "\r", ""), "\n"))
		}
		if len(part.body) > 0 {
			fmt.Fprintf(&b, "\n%s", withLineEnd(bodyText(part.body)))
		}
	}
	_, err := io.WriteString(w, harmless(b.String()))
	return err
}

// bodyText returns a body as a person can read it. Its end may be in the middle of a character.
func bodyText(body []byte) string {
	text := string(body)
	for range utf8.UTFMax - 1 {
		if utf8.ValidString(text) {
			break
		}
		text = text[:max(len(text)-1, 0)]
	}
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
		return fmt.Sprintf("(%d bytes that are no text; --json has them)", len(body))
	}
	return strings.ReplaceAll(text, "\r", "")
}

// ReplayIn has a running server get a recorded request again, and writes what it answers now.
func ReplayIn(ctx context.Context, r Running, id string, order ReplayOrder, form Form, env Env) error {
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Replayed, error) { return c.Replay(ctx, id, order) }, func(done admin.Replayed) error {
		text := fmt.Sprintf("status %d, before it was %d; %s; request %s\n\n%s\n\n%s", done.Status, done.Before, brief(seconds(done.Duration)), done.ID,
			strings.TrimRight(strings.ReplaceAll(done.Head, "\r", ""), "\n"), withLineEnd(bodyText(done.Body)))
		_, err := io.WriteString(env.Stdout, harmless(text))
		return err
	})
}

// RecordIn has the flight recorder of a running server keep everything for a while.
func RecordIn(ctx context.Context, r Running, span string, form Form, env Env) error {
	d, err := config.ParseDuration(span)
	if err == nil && d <= 0 {
		err = errors.New("write how long, such as 30s")
	}
	if err != nil {
		return &UsageError{Problem: "--record: " + err.Error()}
	}
	return show(ctx, r, form, env, func(c *admin.Client) (admin.Recording, error) {
		return c.Record(ctx, admin.RecordOrder{Seconds: d.Seconds()})
	}, func(done admin.Recording) error {
		_, err := fmt.Fprintf(env.Stdout, "everything of the next %s is kept\n", seconds(done.Seconds))
		return err
	})
}

// TailOf writes the access log of a running server as it comes, until ctx is done or the server ends.
func TailOf(ctx context.Context, r Running, f LogFilter, form Form, env Env) error {
	return r.ask(ctx, env, func(c *admin.Client) error {
		err := c.Events(ctx, admin.EventQuery{Log: true, Filter: f}, func(e admin.Event) error {
			switch {
			case e.Lost > 0:
				_, err := fmt.Fprintf(env.Stderr, "highball: %s lost, since they came too fast\n", counted(e.Lost, "message"))
				return err
			case e.Line == nil:
				return nil
			case form == JSON:
				_, err := fmt.Fprintf(env.Stdout, "%s\n", e.Line)
				return err
			}
			return writeLine(env.Stdout, e.Line)
		})
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || ctx.Err() != nil {
			return nil // the server has ended, or the person has seen enough
		}
		return plainly(err)
	})
}

// writeLine writes a line of the access log for a person.
func writeLine(w io.Writer, line []byte) error {
	var l struct {
		Time                   time.Time
		Remote, Method, Target string
		Status                 int
		Duration               float64
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return fmt.Errorf("a line of the log cannot be read: %w", err)
	}
	_, err := fmt.Fprintf(w, "%s  %3d  %7s  %s  %s\n", l.Time.Local().Format(time.TimeOnly), l.Status, brief(seconds(l.Duration)), l.Remote, harmless(l.Method+" "+l.Target))
	return err
}
