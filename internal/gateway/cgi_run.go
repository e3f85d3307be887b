package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"highball"
)

const (
	firstPart  = 8 << 10                // bytes of a body that are waited for, so that short ones leave with their head
	firstPause = 5 * time.Millisecond   // for so long
	firstWait  = 200 * time.Millisecond // for which the goroutine of the request attends the script itself until there is a header block
	exitPause  = 100 * time.Millisecond // for which the end of a script is waited for when its output has ended
	afterwork  = time.Minute            // for which a script may go on after that
	stopGrace  = time.Second            // between SIGTERM and SIGKILL
)

var (
	errOverstay  = errors.New("the script went on for too long after the end of its output")
	errUnwanted  = errors.New("the rest of the script's output is not wanted")
	errNoOutput  = errors.New("the script has printed nothing")
	errHeadUnend = errors.New("the output of the script has ended within its header block: an empty line is missing")
)

// exit is how a script has ended.
type exit struct {
	text   string // such as "exit status 1"
	ok     bool
	signal bool // it was killed
}

// scriptProcess is a script's process, which leads a process group.
type scriptProcess interface {
	id() int // of the process
	// signal sends a signal to the group, if the script was not waited for.
	signal(syscall.Signal)
	// wait waits for the script's end. What is left of its group is killed if the script was killed, or is ending by
	// intent: after an orderly exit it is the script's own affair.
	wait(ending func() bool) exit
	// poll is wait for a script that is known to have ended. Of another one it reports false.
	poll(ending func() bool) (exit, bool)
}

// cgiRun is a script at work for one request. One goroutine attends it: it takes off what the script prints, so that
// no slow client holds a process, and waits for the script's end. Meanwhile the handler's goroutine feeds the script, and
// sends what was taken off. A script that has nothing to be fed with the handler attends itself for a moment, in which most
// end: without another goroutine and a poller for its errors a short one costs a twentieth less, all told.
//
// A script's exit is not looked at before its output has ended: until then its process, dead or not, keeps the number of its
// group from being used again, so that what it has left behind can be killed.
type cgiRun struct {
	cgi            *CGI
	script         *script
	id             string // of the request
	method, target string
	since          time.Time

	pid    int
	stdin  *os.File // nil unless the handler feeds the script
	stdout *os.File
	stderr scriptErrors
	lines  *stderrLog
	first  opening
	spool  *spool
	resume chan struct{}
	paused atomic.Bool // the spool has enough

	known chan struct{} // closed when the following are settled
	head  *scriptHead
	err   error // in place of head

	mu     sync.Mutex // guards the following fields
	proc   scriptProcess
	cause  error       // why the script is being ended
	forced bool        // kill was called
	force  *time.Timer // of stop, then of kill
	over   bool        // the script is no more
}

// opening is what a script has printed first. It belongs to who attends the script.
type opening struct {
	buffer *pipeBuffer
	b      []byte // read and not passed on: of the header block, or behind it
	passed bool   // the first part of the body was
	ended  bool   // there is no more
	err    error  // why there is no header block, or why no body can be passed on
}

// over reports whether there is nothing more to be read.
func (o *opening) over() bool { return o.ended || o.err != nil }

// start starts the script with the given arguments, environment, and standard input; without one it will be fed. It
// waits for what the script may be forked from, until ctx ends. The caller has entered, and must see to it that the script is
// attended; the run leaves for it when the script has ended, unless there is an error.
func (c *CGI) start(ctx context.Context, s *script, e *environ, args []string, stdin *os.File) (*cgiRun, error) {
	run := &cgiRun{
		cgi: c, script: s, id: e.id, method: strings.Clone(e.method), target: strings.Clone(e.target), since: time.Now(), // it may outlive the request
		resume: make(chan struct{}, 1), known: make(chan struct{}),
	}
	run.lines = &stderrLog{run: run}
	run.spool = newSpool(run.pause)
	if !c.register(run) {
		return nil, &highball.Error{Status: 503, Err: errCGIStopping}
	}
	if err := run.launch(ctx, c.environFor(s, e), args, stdin); err != nil {
		c.forget(run)
		return nil, err
	}
	run.first.buffer = takePipeBuffer()
	run.first.b = run.first.buffer[:0]
	return run, nil
}

// pause implements the spool's full.
func (r *cgiRun) pause(full bool) {
	r.paused.Store(full)
	if !full {
		select {
		case r.resume <- struct{}{}:
		default:
		}
	}
}

// stop ends the script and what it has started, for the given cause, of which the first counts.
func (r *cgiRun) stop(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil {
		r.cause = cause
		r.terminateLocked()
	}
}

func (r *cgiRun) terminateLocked() {
	if r.proc != nil && !r.over {
		r.proc.signal(syscall.SIGTERM)
		if r.force != nil {
			r.force.Stop()
		}
		r.force = time.AfterFunc(stopGrace, r.kill)
	}
}

// kill ends them at once. What has left the script's process group lives on, but nobody listens to it any more.
func (r *cgiRun) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forced = true
	if r.proc != nil {
		r.proc.signal(syscall.SIGKILL)
		_ = r.stdout.SetReadDeadline(time.Unix(1, 0)) // it may be closed
		r.quitFeeding()
	}
	r.pause(false)
}

// quitFeeding ends a wait of feed for the script.
func (r *cgiRun) quitFeeding() {
	if r.stdin != nil {
		_ = r.stdin.SetWriteDeadline(time.Unix(1, 0)) // it may be closed
	}
}

// ending returns why the script is being ended, nil if it is not.
func (r *cgiRun) ending() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

func (r *cgiRun) isEnding() bool { return r.ending() != nil }

// leave tells the run that its output is not wanted any more. The script may go on for a while.
func (r *cgiRun) leave() {
	r.spool.abandon()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cause == nil && !r.over {
		r.force = time.AfterFunc(afterwork, func() { r.stop(errUnwanted) })
	}
}

// feed copies a request's body to the script, as fast as this reads. That it reads no more is no error.
func (r *cgiRun) feed(ctx context.Context, body io.Reader) error {
	defer r.stdin.Close()
	// While the script keeps the handler waiting, nobody else notices that the client leaves.
	over := context.AfterFunc(ctx, func() { r.stop(context.Cause(ctx)) })
	defer over()
	buffer := takePipeBuffer()
	defer buffer.give()
	b := buffer[:]
	for {
		n, err := body.Read(b)
		if n > 0 {
			if _, err := r.stdin.Write(b[:n]); err != nil {
				return nil
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// attendFirst attends the script until its end, if that comes soon, and else has another goroutine go on.
func (r *cgiRun) attendFirst() {
	o := &r.first
	r.limitRead(time.Now().Add(firstWait))
	if r.readHead(false) {
		if r.gather(); o.over() && r.conclude(o.err) {
			return
		}
	}
	r.limitRead(time.Time{})
	go r.attend()
}

// attend takes the script's output and waits for its end.
func (r *cgiRun) attend() {
	o := &r.first
	r.stderr.watch(r.lines.line)
	r.readHead(true)
	r.gather()
	err := o.err
	if !o.over() {
		close(r.known)
		err = r.copyBody(o.buffer[:])
	}
	if !r.conclude(err) {
		r.await(err)
	}
}

// conclude ends the run of a script whose output has ended, with err unless that is nil. It reports false if the script itself has
// not ended.
func (r *cgiRun) conclude(err error) bool {
	r.quitFeeding()
	if r.first.err != nil && !errors.Is(err, errNoOutput) && !errors.Is(err, errHeadUnend) {
		r.stop(err) // which is not at its end
	}
	how, ended := r.proc.poll(r.isEnding)
	if ended {
		r.finish(how, r.settle(true, how, err))
	}
	return ended
}

// await is conclude for a script that goes on.
func (r *cgiRun) await(err error) {
	over := make(chan struct{})
	var how exit
	go func() {
		defer close(over)
		how = r.proc.wait(r.isEnding)
	}()
	patience := time.NewTimer(exitPause)
	defer patience.Stop()
	exited := false
	var known exit // how is the goroutine's until it is over
	select {
	case <-over:
		exited, known = true, how
	case <-patience.C:
	}
	reported := r.settle(exited, known, err)
	if !exited {
		late := time.AfterFunc(afterwork, func() { r.stop(errOverstay) })
		<-over
		late.Stop()
	}
	r.finish(how, reported)
}

// settle gives the handler what there is when the output has ended, and reports whether that tells how the script did.
func (r *cgiRun) settle(exited bool, how exit, err error) (reported bool) {
	headless := r.first.err != nil
	if cause := r.ending(); cause != nil && err == nil {
		err = cause
	}
	if err == nil && exited && how.signal {
		err = fmt.Errorf("the script has ended early: %s", how.text)
		reported = true
	}
	switch {
	case headless && r.cgi.cfg.Lenient && errors.Is(err, errNoOutput) && exited && how.ok:
		r.head, err = lenientHead(), nil
	case headless:
		if exited && r.ending() == nil {
			err = fmt.Errorf("%w (%s)", err, how.text)
			reported = true
		}
		r.err = err
	}
	r.spool.end(err)
	if r.first.over() {
		close(r.known)
	}
	return reported
}

// finish frees what the run has, when the script is no more.
func (r *cgiRun) finish(how exit, reported bool) {
	r.mu.Lock()
	cause := r.cause
	r.over = true
	if r.force != nil {
		r.force.Stop()
	}
	r.mu.Unlock()
	r.first.buffer.give()
	_ = r.stdout.Close()
	r.stderr.finish(r.lines.line)
	r.lines.close()
	if errors.Is(cause, errOverstay) || errors.Is(cause, errUnwanted) {
		r.log("a CGI script was ended", "err", cause)
	} else if cause == nil && !how.ok && !reported {
		r.log("a CGI script has failed", "err", how.text)
	}
	r.cgi.forget(r)
	r.cgi.leave()
}

// log writes a warning that says which script and request it is about.
func (r *cgiRun) log(message string, args ...any) {
	r.cgi.cfg.Logger.Warn(message, append([]any{"cgi", r.cgi.cfg.Name, "script", r.script.name, "id", r.id, "pid", r.pid, "method", r.method, "target", r.target}, args...)...)
}

// read reads what the script prints next, behind what is there, up to most bytes of both. Fewer must be there.
func (r *cgiRun) read(most int) error {
	o := &r.first
	if len(o.b) == cap(o.b) {
		o.b = append(o.b, 0)[:len(o.b)]
	}
	n, err := r.stdout.Read(o.b[len(o.b):min(cap(o.b), most)])
	o.b = o.b[:len(o.b)+n]
	return err
}

// readHead reads the header block, and keeps what was read behind it. It reports false when the time for reading has passed, unless it is patient.
func (r *cgiRun) readHead(patient bool) bool {
	o := &r.first
	for r.head == nil && o.err == nil {
		err := r.read(math.MaxInt)
		if !patient && errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		o.ended = err != nil
		r.understand()
	}
	return true
}

// understand looks whether what was read has the whole header block, or cannot have one.
func (r *cgiRun) understand() {
	o := &r.first
	end, malformed := headEnd(o.b, r.script.nph)
	if malformed == nil && end > 0 {
		var h *scriptHead
		if h, malformed = parseScriptHead(string(o.b[:end]), r.script.nph); malformed == nil {
			r.head, o.b = h, o.b[end:]
			return
		}
	}
	if malformed == nil && o.ended {
		malformed = errHeadUnend
		if len(o.b) == 0 {
			malformed = errNoOutput
		}
	}
	if r.cgi.cfg.Lenient && (errors.Is(malformed, errNoHead) || errors.Is(malformed, errHeadUnend)) {
		r.head = lenientHead()
		return
	}
	o.err = malformed
}

// gather reads the first part of the body as long as it comes without a pause, and passes it on.
func (r *cgiRun) gather() {
	o := &r.first
	if o.passed || o.err != nil {
		return
	}
	o.passed = true
	if !o.ended && !r.head.local {
		r.limitRead(time.Now().Add(firstPause))
		for len(o.b) < firstPart && !o.ended {
			err := r.read(firstPart)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break // the next read tells whether it was another's deadline
			}
			o.ended = err != nil
		}
		if !o.ended {
			r.limitRead(time.Time{})
		}
	}
	if len(o.b) > 0 {
		o.err = r.spool.put(o.b)
	}
}

// copyBody puts what the script prints into the spool, until the end. It reads into b.
func (r *cgiRun) copyBody(b []byte) error {
	for {
		for r.paused.Load() {
			<-r.resume
		}
		n, err := r.stdout.Read(b)
		if n > 0 {
			if err := r.spool.put(b[:n]); err != nil {
				r.stop(err)
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return r.readError(err)
		}
	}
}

// limitRead bounds reads, unless kill has ended them.
func (r *cgiRun) limitRead(until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.forced {
		_ = r.stdout.SetReadDeadline(until) // of a pipe that is open
	}
}

// readError returns what a failed read of the output means.
func (r *cgiRun) readError(err error) error {
	if cause := r.ending(); cause != nil {
		return cause
	}
	return fmt.Errorf("cannot read the script's output: %w", err)
}
