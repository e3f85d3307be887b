package gateway

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// A worker's stacks are taken in one of two ways. The gentle one asks a thread of the worker, which looks at the others while it has the
// interpreter's lock: see worker_stacks.py. If it gets no answer, since a C function keeps that lock, the other one sends a signal, on
// which faulthandler writes the stacks without any lock. It reads what it finds, and so is for when no thread runs in the interpreter: that the
// thread that was asked has waited for the lock, again and again, is the proof.
const (
	gentlePatience = 300 * time.Millisecond // for an answer
	crowdPatience  = 20 * time.Millisecond  // more for each thread, since they take turns
	lastPatience   = 600 * time.Millisecond // for the proof
	lookAgain      = 20 * time.Millisecond
	enoughNaps     = 20                     // of the thread that waits for the lock: it wakes up every 5 ms
	stacksQuiet    = 30 * time.Millisecond  // after which no more is expected of what faulthandler writes
	stacksPatient  = 300 * time.Millisecond // until which that is read at most
	stacksLimit    = 512 << 10
	mostSeats      = 1 << 14 // of a worker; what it notes is not trusted
)

var errNoStacks = errors.New("the worker does not tell where it is")

// lookedHeader is the size of what precedes an answer: 1, the number of the question, and the size of what follows.
const lookedHeader = 9

// snapshot returns what the threads of the process are at, without the worker's own frames. The process goes on undisturbed.
func (p *process) snapshot(ctx context.Context) ([]thread, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	watcher, seats := p.readSeats()
	before := p.naps(watcher)
	all, err := p.lookLocked(ctx, gentlePatience+time.Duration(len(seats))*crowdPatience)
	if !errors.Is(err, errNoStacks) {
		return all, err
	}
	for end := time.Now().Add(lastPatience); before >= 0 && p.naps(watcher)-before < enoughNaps; {
		// The machine is busy: that there was no answer proves nothing.
		if time.Now().After(end) {
			return nil, err
		}
		if all, late := p.hearLocked(ctx, lookAgain); !errors.Is(late, errNoStacks) {
			return all, late
		}
	}
	return p.forceLocked(), nil
}

// look is snapshot by the gentle way alone.
func (p *process) look(ctx context.Context) ([]thread, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	_, seats := p.readSeats()
	return p.lookLocked(ctx, gentlePatience+time.Duration(len(seats))*crowdPatience)
}

// lastStacks is snapshot for a process that is to be killed: what was found is returned, whatever the risk. It is "" if
// nothing is known.
func (p *process) lastStacks(request uint32) string {
	all, err := p.snapshot(context.Background())
	if err != nil {
		p.asking.Lock()
		all = p.forceLocked()
		p.asking.Unlock()
	}
	return formatThreads(all, request)
}

// lookLocked asks the worker's thread that waits for that.
func (p *process) lookLocked(ctx context.Context, patience time.Duration) ([]thread, error) {
	drain(p.stack, stacksLimit, func([]byte) {})
	p.asked++
	_ = p.stack.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.stack.Write(binary.LittleEndian.AppendUint32(nil, p.asked)); err != nil {
		return nil, fmt.Errorf("worker %d cannot be asked where it is: %w", p.number, err)
	}
	return p.hearLocked(ctx, patience)
}

// hearLocked waits for the answer to the last question. The error is errNoStacks if none comes in time.
func (p *process) hearLocked(ctx context.Context, patience time.Duration) ([]thread, error) {
	_ = p.stack.SetReadDeadline(time.Now().Add(patience))
	over := context.AfterFunc(ctx, func() { _ = p.stack.SetReadDeadline(time.Unix(1, 0)) })
	defer over()
	var heard []byte
	b := make([]byte, 64<<10)
	for len(heard) < 2*stacksLimit {
		n, err := p.stack.Read(b)
		heard = append(heard, b[:n]...)
		if text, ok := p.answerIn(heard); ok {
			return readThreads(text)
		}
		if err != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, errNoStacks
}

// answerIn returns the answer to the last question from what was heard, behind which and before may be other things: answers that
// came too late.
func (p *process) answerIn(heard []byte) (text []byte, ok bool) {
	for {
		at := bytes.IndexByte(heard, 1) // faulthandler writes none
		if at < 0 || len(heard) < at+lookedHeader {
			return nil, false
		}
		heard = heard[at:]
		number, size := binary.LittleEndian.Uint32(heard[1:]), int(binary.LittleEndian.Uint32(heard[5:]))
		if size > stacksLimit || len(heard) < lookedHeader+size {
			return nil, false
		}
		if number == p.asked {
			return heard[lookedHeader : lookedHeader+size], true
		}
		heard = heard[lookedHeader+size:]
	}
}

// readThreads reads an answer.
func readThreads(text []byte) (all []thread, err error) {
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("where the worker is cannot be understood: %w", err)
	}
	return cutThreads(all), nil
}

// forceLocked has faulthandler write the stacks.
func (p *process) forceLocked() []thread {
	drain(p.stack, stacksLimit, func([]byte) {})
	if p.leader.signal(syscall.Signal(stackSignal)) != nil {
		return nil
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
	if late, ok := p.answerIn(text); ok {
		if all, err := readThreads(late); err == nil {
			return all
		}
	}
	text, _, _ = bytes.Cut(text, []byte{1}) // a part of a late answer
	all := parseThreads(string(text))
	_, seats := p.readSeats()
	for i := range all {
		all[i].Request = seats[all[i].Ident]
	}
	return cutThreads(all)
}

// readSeats returns the system's number of the worker's thread that can be asked, and for each thread that answers requests, by its ident,
// the last one that it has begun. They are what the worker has noted in its file; it may have noted nothing yet.
func (p *process) readSeats() (watcher int, at map[uint64]uint32) {
	const seat = 16
	info, err := p.seats.Stat()
	if err != nil || info.Size() < 2*seat {
		return 0, nil
	}
	b := make([]byte, min(info.Size(), mostSeats*seat))
	n, _ := p.seats.ReadAt(b, 0) // it may have been cut meanwhile
	if n < seat {
		return 0, nil
	}
	at = make(map[uint64]uint32)
	for rest := b[seat:n]; len(rest) >= seat; rest = rest[seat:] {
		if ident := binary.LittleEndian.Uint64(rest); ident != 0 {
			at[ident] = uint32(binary.LittleEndian.Uint64(rest[8:]))
		}
	}
	return int(binary.LittleEndian.Uint64(b)), at
}

// lastRequest is the request that a process with one thread for requests has begun last, 0 if it has begun none.
type lastRequest struct {
	id    uint32
	known bool // false where the process has several threads, or what it has noted cannot be read
}

// lastBegun returns what the process was at last. It has noted its thread before it looked for requests, and each request before it began with it.
func (p *process) lastBegun() (last lastRequest) {
	if _, err := p.seats.Stat(); err != nil {
		return last
	}
	_, seats := p.readSeats()
	last.known = len(seats) <= 1
	for _, last.id = range seats {
	}
	return last
}

// begun returns the requests that the process's threads have begun last.
func (p *process) begun() map[uint32]bool {
	_, seats := p.readSeats()
	all := make(map[uint32]bool, len(seats))
	for _, request := range seats {
		all[request] = true
	}
	return all
}
