package gateway

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	longestLine = 64 << 10 // of a worker's output; what is longer is passed on in pieces
	tailSize    = 8 << 10  // of what a worker has said last, for the message about its death
	lastWords   = 1 << 20  // that are read from a dead worker's pipe, which others may still write to
)

// output reads what a worker writes to its standard output and error.
type output struct {
	file *os.File
	line func([]byte)
	over chan struct{} // closed when no more is read
	part []byte        // of a line; only the reading goroutine uses it

	mu   sync.Mutex // guards last
	last []byte
}

// readOutput starts to read f, which it takes over, and calls line with each line, without its end. The line is valid
// during the call only; the calls come from one goroutine.
func readOutput(f *os.File, line func([]byte)) *output {
	if line == nil {
		line = func([]byte) {}
	}
	o := &output{file: f, line: line, over: make(chan struct{})}
	go o.run()
	return o
}

func (o *output) run() {
	defer close(o.over)
	defer o.file.Close()
	buffer := takePipeBuffer()
	defer buffer.give()
	b := buffer[:]
	for {
		n, err := o.file.Read(b)
		o.take(b[:n])
		if err != nil {
			break
		}
	}
	// finish has ended the wait for more: what is there already is not lost.
	drain(o.file, lastWords, o.take)
	o.end()
}

// end takes what has come of a line for a whole one.
func (o *output) end() {
	if len(o.part) > 0 {
		o.line(o.part)
	}
}

// take splits b into lines.
func (o *output) take(b []byte) {
	o.keep(b)
	for len(b) > 0 {
		head, rest, whole := bytes.Cut(b, []byte{'\n'})
		if room := longestLine - len(o.part); len(head) > room {
			head, rest, whole = b[:room], b[room:], true
		}
		b = rest
		if !whole {
			o.part = append(o.part, head...)
			return
		}
		if len(o.part) > 0 {
			head = append(o.part, head...)
			o.part = head[:0]
		}
		o.line(head)
	}
}

// keep remembers the end of what was said.
func (o *output) keep(b []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(b) >= tailSize {
		o.last = append(o.last[:0], b[len(b)-tailSize:]...)
		return
	}
	if over := len(o.last) + len(b) - tailSize; over > 0 {
		o.last = append(o.last[:0], o.last[over:]...)
	}
	o.last = append(o.last, b...)
}

// tail returns the end of what was said.
func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.ToValidUTF8(string(o.last), "\uFFFD")
}

// finish is called when the worker is dead: what is in the pipe is read to its end, but not what its descendants may say
// later.
func (o *output) finish() {
	_ = o.file.SetReadDeadline(time.Unix(1, 0))
	<-o.over
}
