package gateway

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A process is a Python interpreter that runs the embedded worker, as its server sees it. Between the two are
//
//	MAIN   a stream of frames in both directions; until the worker is ready it is read here, and then by the pool
//	DESC   a stream of single bytes, each of which carries one descriptor
//	STACK  a stream of questions where the worker's threads are, and of answers; its faulthandler writes there, too, when signalled
//	SEATS  a file in memory, in which the worker notes which thread is at which request
//	ARENA  memory that all workers of an application share with the server, see arena
//	LIFE   a stream that carries nothing: its end tells the worker that the server is no more
//	OUT    a pipe that is the worker's standard output and standard error
//
// Every process has a goroutine that reaps it, closes what is left, and then closes the channel that done returns; so
// whoever starts a process has only to wait for that to know that nothing of it remains.
type process struct {
	number int // for messages
	pid    int
	leader handle
	desc   *os.File
	life   *os.File
	stack  *os.File
	seats  *os.File
	out    *output
	dead   chan struct{}
	how    string      // it ended; set before dead is closed
	last   lastRequest // set before dead is closed
	parent *parent

	answered atomic.Int64 // requests
	limit    atomic.Int64 // requests after which it is to be replaced, 0 without

	asking sync.Mutex // held while its stacks are read; guards asked
	asked  uint32     // the number of the last question

	talk   sync.Mutex // held while MAIN is read here; guards unread
	unread []byte     // what was in MAIN when the process died

	mu    sync.Mutex // guards the following fields
	main  *os.File
	taken bool
}

// launchSpec is what a process is started from.
type launchSpec struct {
	worker int       // number, for messages
	python string    // path of the interpreter
	env    []string  // all of the environment
	boot   string    // one line of Python that runs what it reads from BOOT
	source []byte    // of the worker
	config []byte    // JSON
	as     *Identity // nil is the server's
	arena  *arena    // may be nil

	output func(line []byte) // takes each line of standard output and error; may be nil

	spawner *spawner                // thread that starts it; nil is any
	before  func(step string) error // called before each step that may fail, to make it fail in a test; may be nil
}

// step tells whether the named step of starting a process is to go on.
func (s *launchSpec) step(name string) error {
	if s.before == nil {
		return nil
	}
	return s.before(name)
}

// takeMain returns the server's end of MAIN, which is the caller's from then on. Nothing was read from it beyond the
// frames that await has answered for. It is closed if the process is dead. It may be called once.
func (p *process) takeMain() *os.File {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken = true
	return p.main
}

// done is closed when the process is dead, reaped, and all that it said was passed on.
func (p *process) done() <-chan struct{} { return p.dead }

// state tells how the process has ended, such as "exit status 3" or "signal: killed".
func (p *process) state() string {
	select {
	case <-p.dead:
		return p.how
	default:
		return "running"
	}
}

// ended tells whether the process is known to be dead.
func (p *process) ended() bool {
	select {
	case <-p.dead:
		return true
	default:
		return false
	}
}

// kill ends the process and those it has started, if they are still in its group. It does not wait for the end.
func (p *process) kill() { p.leader.killGroup() }

// memory returns the resident memory of the process in bytes, -1 if that cannot be known.
func (p *process) memory() int64 {
	if p.ended() {
		return -1
	}
	return residentMemory(p.pid)
}

// attend waits for the death of the process, which wait reports, and clears up.
func (p *process) attend(wait func() string) {
	how := wait()
	p.last = p.lastBegun()
	p.out.finish()
	p.closeMain()
	for _, f := range []*os.File{p.desc, p.life, p.stack, p.seats} {
		_ = f.Close()
	}
	p.leader.close()
	p.how = how
	close(p.dead)
}

// closeMain closes the server's end of MAIN, if it is not the pool's. What the process has said there before its death is
// often why it died: it is kept for who has not read it yet.
func (p *process) closeMain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.taken {
		return
	}
	// A reader gets what is there already, but does not wait for what its descendants may say.
	_ = p.main.SetReadDeadline(time.Now().Add(linger))
	p.talk.Lock()
	defer p.talk.Unlock()
	drain(p.main, frameHeader+maxMessage, func(b []byte) { p.unread = append(p.unread, b...) })
	_ = p.main.Close()
}

// errParentGone tells that a worker could not be forked, for no reason of its own.
var errParentGone = errors.New("the process that workers are forked from is no more")

// linger is for how long a process that has closed MAIN, or that its parent has lost sight of, may take to end.
const linger = time.Second
