package gateway

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// thread is a thread of a worker as it was seen.
type thread struct {
	Ident   uint64        `json:"ident"`
	Name    string        `json:"name"`    // may be empty
	Request uint32        `json:"request"` // the last that it has begun, as its worker numbers them; 0 if it is for other things
	Frames  []threadFrame `json:"frames"`  // the innermost first

	idle bool // it is the worker's, and waits or does the worker's own work
}

// threadFrame is a call of a function.
type threadFrame struct {
	File     string
	Line     int
	Function string
	Source   string // may be empty
}

// UnmarshalJSON implements json.Unmarshaler: a frame comes as a list.
func (f *threadFrame) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&f.File, &f.Line, &f.Function, &f.Source})
}

// ownSource is the name under which the worker's source is compiled, and so that of its frames.
const ownSource = "<highball>"

// cutThreads removes the frames of the worker and of what has called it.
func cutThreads(all []thread) []thread {
	for i := range all {
		t := &all[i]
		frames := t.Frames
		for i := len(frames) - 1; i >= 0; i-- {
			if frames[i].File == ownSource {
				frames = frames[:i]
				break
			}
		}
		frames = slices.DeleteFunc(frames, func(f threadFrame) bool { return f.File == ownSource })
		works := slices.ContainsFunc(frames, func(f threadFrame) bool { return !waitsIn(f.File) })
		t.idle = !works && len(frames) < len(t.Frames)
		t.Frames = frames
	}
	return all
}

// waitsIn tells whether a file is of those modules in which threads wait for work.
func waitsIn(file string) bool {
	switch file[strings.LastIndexByte(file, '/')+1:] {
	case "threading.py", "queue.py", "socket.py", "selectors.py":
		return true
	}
	return false
}

// parseThreads reads what faulthandler writes.
func parseThreads(text string) (all []thread) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		kind, rest, _ := strings.Cut(strings.TrimPrefix(line, "Current "), " ")
		if kind == "Thread" || kind == "thread" || kind == "Stack" { // the last if only one thread can be looked at
			all = append(all, parseThread(rest))
		} else if f, ok := parseFrame(line); ok && len(all) > 0 {
			last := &all[len(all)-1]
			last.Frames = append(last.Frames, f)
		}
	}
	return all
}

// parseThread reads what follows the word thread, such as "0x00007f2d (most recent call first):", with a name in brackets from Python 3.14 on.
func parseThread(s string) (t thread) {
	number, rest, _ := strings.Cut(s, " ")
	t.Ident, _ = strconv.ParseUint(number, 0, 64)
	if name, ok := strings.CutPrefix(rest, "["); ok {
		t.Name, _, _ = strings.Cut(name, "]")
	}
	return t
}

// parseFrame reads a line such as `  File "/app/shop.py", line 3 in view`.
func parseFrame(line string) (f threadFrame, ok bool) {
	rest, ok := strings.CutPrefix(line, `  File "`)
	if !ok {
		return f, false
	}
	f.File, rest, _ = strings.Cut(rest, `", line `)
	number, function, _ := strings.Cut(rest, " in ")
	f.Line, _ = strconv.Atoi(number)
	f.Function = function
	return f, true
}

// noFrames stands for the frames of a worker that makes the environ of a request, or sends an answer.
const noFrames = "outside of the application"

// formatThreads writes all threads but those that are idle, that which is at the request first, as tracebacks are written.
func formatThreads(all []thread, request uint32) string {
	var b strings.Builder
	write := func(t *thread, at string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		name := t.Name
		if name == "" {
			name = "0x" + strconv.FormatUint(t.Ident, 16)
		}
		fmt.Fprintf(&b, "Thread %s%s (most recent call last):\n", name, at)
		for _, f := range slices.Backward(t.Frames) {
			fmt.Fprintf(&b, "  File \"%s\", line %d, in %s\n", f.File, f.Line, f.Function)
			if f.Source != "" {
				fmt.Fprintf(&b, "    %s\n", f.Source)
			}
		}
		if len(t.Frames) == 0 {
			b.WriteString("  " + noFrames + "\n")
		}
	}
	first := threadAt(all, request)
	if first != nil {
		write(first, ", at the request")
	}
	for i := range all {
		if &all[i] != first && !all[i].idle {
			write(&all[i], "")
		}
	}
	return b.String()
}

// threadAt returns the thread that is at a request, or nil.
func threadAt(all []thread, request uint32) *thread {
	for i := range all {
		if request != 0 && all[i].Request == request {
			return &all[i]
		}
	}
	return nil
}

// place names the innermost frame, such as "shop/views.py:12 in checkout", with the path from dir on if the file lies below it.
func (t *thread) place(dir string) string {
	if len(t.Frames) == 0 {
		return noFrames
	}
	f := &t.Frames[0]
	name := f.File
	if rest, err := filepath.Rel(dir, name); err == nil && filepath.IsLocal(rest) {
		name = rest
	}
	return fmt.Sprintf("%s:%d in %s", name, f.Line, f.Function)
}
