package gateway

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Warm CGI: a Python script is run by a fork of an interpreter that was started before, with what most scripts import. One
// such parent serves all scripts with the same interpreter and options (cgi_warm.py tells what happens in it, and
// cgi_warm_unix.go is how it is talked to). Whenever a parent cannot be had, or says that a script had better run by an
// interpreter of its own, the script runs as any other does: warm is faster, and nothing else.

//go:embed cgi_warm.py
var warmSource []byte

const (
	warmPatience = 10 * time.Second // for a parent to be ready
	forkPatience = 10 * time.Second // for a fork
	warmDelay    = time.Second      // before another attempt to have a parent; it doubles with each failure
	warmDelayMax = time.Minute
	maxReasons   = 100 // of refusals that are told
)

var (
	errCold     = errors.New("the script is run by an interpreter of its own")
	errWarmLost = errors.New("the process that the script was forked from has died")
)

// pythonName matches programs that warm parents can be made of; whether they are new enough they tell themselves.
var pythonName = regexp.MustCompile(`^python[0-9.]*t?$`)

// pythonOption matches the options of a #! line that say nothing of the program.
var pythonOption = regexp.MustCompile(`^-[bBEIOPsSu]+$`)

// warmKey is what warm parents differ in.
type warmKey struct {
	python string // path of the interpreter
	option string // of the #! line, which has one at most; may be empty
}

func (k warmKey) String() string { return strings.TrimSpace(k.python + " " + k.option) }

// warmKeyOf returns the key of a script that an interpreter is given.
func warmKeyOf(interpreter string) warmKey {
	if !pythonName.MatchString(filepath.Base(interpreter)) {
		return warmKey{}
	}
	return warmKey{python: interpreter}
}

// warmKeyOfLine returns the key of a script with a first line, which is zero unless it names Python in a way that is understood.
func (c *CGI) warmKeyOfLine(line string) warmKey {
	program, ok := strings.CutPrefix(line, "#!")
	words := strings.Fields(program)
	if !ok || len(words) == 0 || !path.IsAbs(words[0]) || strings.HasSuffix(line, "\r") {
		return warmKey{}
	}
	if path.Base(words[0]) == "env" {
		if len(words) > 2 && words[1] == "-S" {
			words = append(words[:1], words[2:]...)
		} else if len(words) > 2 {
			return warmKey{} // "python3 -u" would be the name
		}
		if len(words) < 2 || strings.ContainsRune(words[1], '/') {
			return warmKey{}
		}
		words = words[1:]
		if words[0] = (&search{env: c.env}).onPath(words[0]); words[0] == "" {
			return warmKey{}
		}
	}
	key := warmKeyOf(words[0])
	switch {
	case len(words) == 2 && pythonOption.MatchString(words[1]):
		key.option = words[1]
	case len(words) > 1:
		return warmKey{}
	}
	return key
}

// warmPool has the parents of a CGI. Its methods may be called from any goroutine.
type warmPool struct {
	cgi *CGI

	mu      sync.Mutex // guards the following fields
	slots   map[warmKey]*warmSlot
	reasons map[string]bool // that were told
	closed  bool
	alive   sync.WaitGroup // parents
}

// warmSlot is the place of one parent.
type warmSlot struct {
	parent   *warmParent   // nil, or perhaps dead
	starting chan struct{} // closed when it is no longer being started; nil if it is not
	failures int           // in a row
	retry    time.Time     // when one may be started
}

func newWarmPool(c *CGI) *warmPool {
	return &warmPool{cgi: c, slots: make(map[warmKey]*warmSlot), reasons: make(map[string]bool)}
}

// parent returns a parent, which it starts if there is none. The error is errCold when none can be had now; why was
// logged. Otherwise it is that of ctx.
func (w *warmPool) parent(ctx context.Context, key warmKey) (*warmParent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := w.slots[key]
	if slot == nil {
		slot = &warmSlot{}
		w.slots[key] = slot
	}
	for {
		if slot.starting == nil {
			if p := slot.parent; p != nil && p.usable() {
				if p.current() {
					return p, nil
				}
				w.cgi.cfg.Logger.Info("an interpreter of warm CGI has changed and is started anew", "cgi", w.cgi.cfg.Name, "interpreter", key.String())
				p.retire()
				slot.parent = nil
			}
			if w.closed || time.Now().Before(slot.retry) {
				return nil, errCold
			}
			slot.starting = make(chan struct{})
			w.alive.Add(1)
			go w.begin(key, slot)
		}
		started := slot.starting
		w.mu.Unlock()
		select {
		case <-started:
			w.mu.Lock()
		case <-ctx.Done():
			w.mu.Lock()
			return nil, context.Cause(ctx)
		}
	}
}

// begin fills a slot in which a parent is being started.
func (w *warmPool) begin(key warmKey, slot *warmSlot) {
	p, err := w.start(key, slot)
	w.mu.Lock()
	defer w.mu.Unlock()
	close(slot.starting)
	slot.starting = nil
	if err != nil {
		w.alive.Done()
		w.failedLocked(slot, "no interpreter of warm CGI can be had: its scripts are run cold", "interpreter", key.String(), "err", err)
		return
	}
	slot.parent = p
	if w.closed {
		p.retire()
	}
}

// start starts a parent. Its end is one of those that close waits for.
func (w *warmPool) start(key warmKey, slot *warmSlot) (*warmParent, error) {
	if err := w.cgi.absolutePython(); err != nil {
		return nil, err
	}
	began := time.Now()
	p, err := startWarmParent(w.cgi, key)
	if err != nil {
		return nil, err
	}
	p.onEnd = func(how, said string, wanted bool) {
		defer w.alive.Done()
		w.mu.Lock()
		defer w.mu.Unlock()
		if wanted || w.closed {
			return
		}
		if time.Since(began) > shortLife {
			slot.failures, slot.retry = 0, time.Time{}
			w.cgi.cfg.Logger.Error("an interpreter of warm CGI has died and is started anew when it is needed", "cgi", w.cgi.cfg.Name,
				"interpreter", key.String(), "end", how, "output", said)
			return
		}
		w.failedLocked(slot, "an interpreter of warm CGI has died at once: its scripts are run cold for a while",
			"interpreter", key.String(), "end", how, "output", said)
	}
	go p.listen()
	return p, nil
}

// failedLocked puts off the next attempt. Of failures in a row the first is a warning.
func (w *warmPool) failedLocked(slot *warmSlot, message string, args ...any) {
	delay := min(warmDelay<<min(slot.failures, 10), warmDelayMax)
	slot.retry = time.Now().Add(delay)
	slot.failures++
	select {
	case <-w.cgi.stopping:
		return // which is why
	default:
	}
	log := w.cgi.cfg.Logger.Warn
	if slot.failures > 1 {
		log = w.cgi.cfg.Logger.Debug
	}
	log(message, append([]any{"cgi", w.cgi.cfg.Name, "retry", delay}, args...)...)
}

// refused takes note that a parent has refused a script. Why is told once.
func (w *warmPool) refused(s *script, why string) {
	if why == "" {
		return // the interpreter will tell
	}
	w.mu.Lock()
	told := w.reasons[why] || len(w.reasons) >= maxReasons
	w.reasons[why] = true
	w.mu.Unlock()
	if !told {
		w.cgi.cfg.Logger.Warn("scripts are run cold, though warm CGI is on", "cgi", w.cgi.cfg.Name, "script", s.name, "reason", why)
	}
}

// close ends all parents, and waits for their ends. No script may run any more.
func (w *warmPool) close() {
	w.mu.Lock()
	w.closed = true
	for _, slot := range w.slots {
		if slot.parent != nil {
			slot.parent.retire()
		}
	}
	w.mu.Unlock()
	w.alive.Wait()
}

// absolutePython refuses a search path of Python that depends on the folder of the script.
func (c *CGI) absolutePython() error {
	for _, name := range []string{"PYTHONPATH", "PYTHONHOME"} {
		value := (&search{env: c.env}).variable(name)
		for _, dir := range strings.Split(value, string(os.PathListSeparator)) {
			if value != "" && !filepath.IsAbs(dir) {
				return fmt.Errorf("%s has the relative folder %q", name, dir)
			}
		}
	}
	return nil
}

// fileMark returns what changes when one of the files is replaced.
func fileMark(files ...string) string {
	var mark strings.Builder
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			fmt.Fprintf(&mark, "%d %d %s;", info.ModTime().UnixNano(), info.Size(), fileNumber(info))
		} else {
			mark.WriteString("none;")
		}
	}
	return mark.String()
}
