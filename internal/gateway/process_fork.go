//go:build unix

package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A parent is a process that has loaded the application and answers no requests: workers are forked from it, and share
// what memory they do not change. It tells how they end, since only their parent can know that.
type parent struct {
	*process
	deaf    chan struct{} // closed when it says no more
	useless atomic.Bool   // it forks no more

	mu       sync.Mutex // guards the following fields, and that the descriptors of one fork follow each other
	asked    map[uint32]chan<- birth
	children map[int]chan syscall.WaitStatus // by their numbers; one that ended before it was known has its status there
}

// birth is the answer to a FORK.
type birth struct {
	pid    int
	exited <-chan syscall.WaitStatus
	err    error
}

// becomeParent makes a parent of a process that is ready. Its MAIN must not be taken.
func becomeParent(p *process) *parent {
	f := &parent{
		process:  p,
		deaf:     make(chan struct{}),
		asked:    make(map[uint32]chan<- birth),
		children: make(map[int]chan syscall.WaitStatus),
	}
	go f.listen()
	return f
}

// listen reads what the parent tells until it ends.
func (f *parent) listen() {
	var err error
	for err == nil {
		var id uint32
		var kind byte
		var payload []byte
		if id, kind, payload, err = readNumbered(f.main); err == nil {
			err = f.hear(id, kind, payload)
		}
	}
	f.useless.Store(true)
	close(f.deaf)
	f.mu.Lock()
	for _, c := range f.asked {
		c <- birth{err: errParentGone}
	}
	f.asked = nil
	f.mu.Unlock()
	f.release(err)
}

// release lets a parent that says no more end, if it does.
func (f *parent) release(err error) {
	if !errors.Is(err, io.EOF) {
		f.kill()
		return
	}
	patience := time.NewTimer(linger)
	defer patience.Stop()
	select {
	case <-f.dead:
	case <-patience.C:
		f.kill() // without MAIN it has nothing to live for
	}
}

func (f *parent) hear(id uint32, kind byte, payload []byte) error {
	var message struct {
		PID    int    `json:"pid"`
		Status int    `json:"status"`
		Error  string `json:"error"`
	}
	if kind == filesFrame {
		return nil
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch kind {
	case forkedFrame:
		f.answer(id, birth{pid: message.PID, exited: f.child(message.PID)})
	case failFrame:
		f.answer(id, birth{err: fmt.Errorf("fork worker %d: %s", id, message.Error)})
	case exitedFrame:
		f.child(message.PID) <- syscall.WaitStatus(message.Status)
		delete(f.children, message.PID)
	default:
		return errors.New("unexpected frame")
	}
	return nil
}

// child returns the channel for the status of a child. EXITED may come before FORKED was heard only if the parent is
// broken, but then the status must not be that of a later process with the same number.
func (f *parent) child(pid int) chan syscall.WaitStatus {
	c := f.children[pid]
	if c == nil {
		c = make(chan syscall.WaitStatus, 1)
		f.children[pid] = c
	}
	return c
}

func (f *parent) answer(id uint32, b birth) {
	if c := f.asked[id]; c != nil {
		c <- b
		delete(f.asked, id)
	}
}

// fork starts a process as launch does, as a copy of the parent. If ctx ends before the parent has answered, the parent is
// killed: it is stuck, and what it may still fork has nobody to wait for it.
func (f *parent) fork(ctx context.Context, spec *launchSpec) (*process, error) {
	c, err := openChannels(spec)
	if err != nil {
		return nil, err
	}
	defer c.closeTheirs()
	answer, err := f.order(spec, c)
	if err != nil {
		c.close()
		return nil, err
	}
	var b birth
	select {
	case b = <-answer:
	case <-ctx.Done():
		b.err = f.giveUp(context.Cause(ctx))
	}
	if b.err != nil {
		c.close() // a child that was forked all the same ends with LIFE
		return nil, b.err
	}
	p := c.process(spec, b.pid, openHandle(b.pid))
	p.parent = f
	go p.attend(func() string { return p.awaitForked(b.exited, f.deaf) })
	return p, nil
}

// order sends the descriptors and the FORK.
func (f *parent) order(spec *launchSpec, c *channels) (<-chan birth, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asked == nil {
		return nil, errParentGone
	}
	id := uint32(spec.worker)
	if f.asked[id] != nil {
		return nil, fmt.Errorf("worker %d is being forked already", id)
	}
	for _, end := range []*os.File{
		c.theirs[theirMain], c.theirs[theirDesc], c.theirs[theirStack], c.theirs[theirLife], c.theirs[theirOut], c.seats,
	} {
		err := spec.step("send")
		if err == nil {
			err = f.sendDescriptor(end)
		}
		if err != nil {
			return nil, f.giveUp(err) // it cannot know which descriptors belong together any more
		}
	}
	payload := fmt.Appendf(nil, `{"worker": %d}`, id)
	if err := f.tell(appendFrame(nil, forkFrame, 0, id, nil, payload)); err != nil {
		return nil, f.giveUp(err)
	}
	answer := make(chan birth, 1)
	f.asked[id] = answer
	return answer, nil
}

// giveUp kills a parent with which err has happened.
func (f *parent) giveUp(err error) error {
	f.useless.Store(true)
	f.kill()
	return fmt.Errorf("%w: %w", errParentGone, err)
}

// forks tells whether workers can be forked, as far as is known.
func (f *parent) forks() bool { return !f.useless.Load() }
