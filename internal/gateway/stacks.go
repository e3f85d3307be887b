package gateway

import (
	"strings"
	"syscall"
	"time"
)

const (
	stacksQuiet   = 30 * time.Millisecond  // after which no more of a worker's stacks is expected
	stacksPatient = 300 * time.Millisecond // until which they are read at most
	stacksLimit   = 256 << 10
)

// ownSource is the name under which the worker's source is compiled, and so that of its frames.
const ownSource = "<highball>"

// stacks returns the Python stack of each thread of the process, the most recent call first, without the worker's own
// frames. It works whatever the process does, also within a C function that does not return: faulthandler writes from a
// signal handler that needs no lock of the interpreter. It takes at most 300 ms; if nothing is known it is "".
//
// It is for a worker that is to be replaced: to look at a thread of Python that runs on meanwhile can end the interpreter. What
// was written until then is returned.
func (p *process) stacks() string {
	p.asking.Lock()
	defer p.asking.Unlock()
	drain(p.stack, stacksLimit, func([]byte) {})
	if p.leader.signal(syscall.Signal(stackSignal)) != nil {
		return ""
	}
	var text []byte
	b := make([]byte, 16<<10)
	end := time.Now().Add(stacksPatient)
	for wait := stacksPatient; len(text) < stacksLimit; wait = stacksQuiet {
		until := time.Now().Add(wait)
		if until.After(end) {
			until = end
		}
		_ = p.stack.SetReadDeadline(until)
		n, err := p.stack.Read(b)
		text = append(text, b[:n]...)
		if err != nil {
			break
		}
	}
	return cutStacks(string(text))
}

// cutStacks removes from what faulthandler writes the frames of the worker and of what has called it, and the threads of
// which nothing remains.
func cutStacks(text string) string {
	var kept strings.Builder
	for _, block := range threads(text) {
		frames := block[1:]
		for i := len(frames) - 1; i >= 0; i-- {
			if frameFile(frames[i]) == ownSource {
				frames = frames[:i]
				break
			}
		}
		var theirs []string
		idle := true
		for _, f := range frames {
			name := frameFile(f)
			if name == ownSource {
				continue
			}
			theirs = append(theirs, f)
			idle = idle && waitsIn(name)
		}
		if idle && len(theirs) < len(block)-1 {
			continue // a thread of the worker that waits for work
		}
		if kept.Len() > 0 {
			kept.WriteByte('\n')
		}
		kept.WriteString(block[0])
		kept.WriteByte('\n')
		for _, f := range theirs {
			kept.WriteString(f)
			kept.WriteByte('\n')
		}
	}
	return kept.String()
}

// threads splits the text into the lines of each thread, the first of which names it.
func threads(text string) (blocks [][]string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "Thread ") || strings.HasPrefix(line, "Current thread ") || strings.HasPrefix(line, "Stack "):
			blocks = append(blocks, []string{line})
		case line != "" && len(blocks) > 0:
			blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
		}
	}
	return blocks
}

// frameFile returns the file that a line such as `  File "/app/shop.py", line 3 in view` names.
func frameFile(line string) string {
	_, rest, _ := strings.Cut(line, `File "`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

// waitsIn tells whether a file is of those modules in which threads wait for work.
func waitsIn(file string) bool {
	switch file[strings.LastIndexByte(file, '/')+1:] {
	case "threading.py", "queue.py", "socket.py", "selectors.py":
		return true
	}
	return false
}
