package loop

import (
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	readSize     = 16 << 10 // that one call may read
	eventsAtOnce = 256
	acceptAtOnce = 64 // so that a storm of connections does not starve those that are open
	pause        = int64(100e6)
	sendAtOnce   = 1 << 20 // of a file, so that one call does not keep a processor for long
	refuseAtOnce = 16

	// yieldAfter is for how long a loop keeps its processor, in nanoseconds. Of one that has not come by the scheduler for 10 ms, the
	// runtime's monitor takes the processor away whenever it finds the loop in a system call, and it looks every 20 µs as long as it
	// finds any: a tenth of the processor, for nothing (Go 1.26, retake in runtime/proc.go).
	yieldAfter = int64(4e6)
)

// errFull tells that descriptors are left, but are wanted for other things than connections.
var errFull = errors.New("the connections have taken their share of the descriptors")

// Loop is one event loop. All but post belongs to its goroutine.
type Loop struct {
	group  *Group
	index  int
	sys    system
	log    *slog.Logger
	open   func(loop int, c *Conn) Session
	ended  func(loop int)
	parts  func(loop int)
	epoll  int
	wakeFD int
	socket int // listening descriptor, -1 once closed
	shared bool
	tunes  bool // accepted connections do not have the listener's options

	now       int64   // nanoseconds on the group's clock, as of the last wake-up
	buffer    []byte  // which all connections share
	kept      int     // bytes of it that sessions need until what they have put off is sent
	reading   int     // where the input ends that a session has just been given
	table     []*Conn // by descriptor
	events    []unix.EpollEvent
	watchers  map[int]Watcher // by descriptor
	again     []*Conn         // connections with more to read than one turn gives them
	files     []*Conn         // connections with an errand and room for more
	filesRest int64           // until when owners are to send their files themselves
	gate      gate
	wheel     wheel
	yield     bool  // goroutines were started or woken in this turn
	yielded   int64 // when the loop last let the scheduler have the processor
	stopped   bool
	refusal   []byte
	most      int
	reserve   int   // a descriptor kept back to refuse with, -1 without
	resumeAt  int64 // when to listen again, 0 while listening
	starved   bool
	nextStamp uint32

	asleep atomic.Bool

	mu     sync.Mutex // guards the following fields
	posted []func()
	over   bool // run has returned, or is about to
}

func newLoop(g *Group, index int, cfg *Config) (*Loop, error) {
	l := &Loop{
		group: g, index: index, sys: cfg.system, log: cfg.Logger, open: cfg.New, ended: cfg.TurnEnd, parts: cfg.SendOff, refusal: cfg.Refusal, most: cfg.Most,
		epoll: -1, wakeFD: -1, socket: -1, reserve: -1,
		watchers: make(map[int]Watcher),
		buffer:   make([]byte, 2*readSize), events: make([]unix.EpollEvent, eventsAtOnce),
		shared: cfg.Loops > len(cfg.Sockets),
	}
	if index < len(cfg.Sockets) {
		l.socket = cfg.Sockets[index]
	} else {
		fd, err := unix.FcntlInt(uintptr(cfg.Sockets[index%len(cfg.Sockets)]), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		l.socket = fd
	}
	l.tunes = isMultipath(l.socket)
	if err := l.prepare(); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *Loop) prepare() (err error) {
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		l.epoll = -1
		return err
	}
	if l.wakeFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		l.wakeFD = -1
		return err
	}
	if l.reserve, err = openReserve(); err != nil {
		return err
	}
	if err := l.gate.open(l); err != nil {
		return err
	}
	if err := l.watch(l.wakeFD, unix.EPOLLIN); err != nil {
		return err
	}
	return l.listen()
}

func openReserve() (int, error) {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, nil
}

// release closes what the loop holds; its goroutine has ended or never began.
func (l *Loop) release() {
	l.mu.Lock() // a connection may just be released
	defer l.mu.Unlock()
	l.gate.close()
	for _, fd := range []*int{&l.socket, &l.reserve, &l.wakeFD, &l.epoll} {
		if *fd >= 0 {
			_ = unix.Close(*fd) // nothing was written to any of them
			*fd = -1
		}
	}
}

func (l *Loop) watch(fd int, events uint32) error {
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// run is the loop's goroutine.
func (l *Loop) run() {
	for !l.stopped {
		n := l.wait()
		before := l.now
		l.now = l.group.clock()
		l.gate.turned(l, l.now-before)
		for i := range l.events[:n] {
			l.dispatch(&l.events[i])
		}
		l.sendOff()
		l.readAgain()
		for c := l.wheel.turn(l.now); c != nil; {
			next := c.next
			c.next = nil
			l.sendOff()
			c.lookAtDeadline()
			c = next
		}
		if l.resumeAt != 0 && l.now >= l.resumeAt {
			l.resume()
		}
		l.runPosted()
		l.endTurn()
		if len(l.files) > 0 && l.moveFiles() {
			l.sendOff()
			l.endTurn()
		}
		if l.yield || l.now-l.yielded > yieldAfter {
			// The goroutines that were started or woken stand in this processor's queue: let them run before it
			// sleeps, else another thread must be woken to steal them, or the scheduler's monitor comes by late.
			l.yield = false
			l.yielded = l.now
			runtime.Gosched()
		}
	}
	l.mu.Lock()
	l.over = true
	l.mu.Unlock()
	l.runPosted() // whoever posted before that is waiting
	l.sendOff()
}

// wait waits for events and returns their number.
func (l *Loop) wait() int {
	timeout := -1
	switch {
	case len(l.again) > 0 || len(l.files) > 0 || l.yield:
		timeout = 0
	default:
		timeout = l.wheel.wait(l.now)
		if l.resumeAt != 0 {
			ms := int(max(0, l.resumeAt-l.now)/1e6) + 1
			if timeout < 0 || ms < timeout {
				timeout = ms
			}
		}
		l.asleep.Store(true)
		l.mu.Lock()
		if len(l.posted) > 0 {
			timeout = 0
		}
		l.mu.Unlock()
	}
	n, err := l.poll(timeout)
	l.asleep.Store(false)
	if err != nil {
		if err != unix.EINTR {
			l.log.Error("waiting for events failed", "loop", l.index, "err", err)
		}
		return 0
	}
	return n
}

func (l *Loop) dispatch(ev *unix.EpollEvent) {
	fd := int(ev.Fd)
	switch fd {
	case l.wakeFD:
		var b [8]byte
		_, _ = unix.Read(l.wakeFD, b[:]) // it only resets the counter
		return
	case l.socket:
		l.sendOff()
		l.accept()
		return
	}
	if ev.Pad == watchStamp {
		if w := l.watchers[fd]; w != nil {
			w.Ready(ev.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0, ev.Events&(unix.EPOLLOUT|unix.EPOLLERR) != 0)
		}
		return
	}
	if fd >= len(l.table) {
		return
	}
	if c := l.table[fd]; c != nil && c.stamp == uint32(ev.Pad) {
		c.onEvents(ev.Events)
	}
}

// readAgain gives each connection that had more to read than its share one more turn.
func (l *Loop) readAgain() {
	if len(l.again) == 0 {
		return
	}
	queue := l.again
	l.again = nil
	for i, c := range queue {
		queue[i] = nil
		c.queued = false
		switch {
		case c.yielded:
			c.yielded = false
			if c.looped() && len(c.pending) == 0 {
				c.input(nil)
			}
			if !c.yielded {
				c.readLater() // what has arrived meanwhile was left
			}
		case c.looped() && c.busy():
			c.unread = true
			if c.held && c.state.Load()&(halfGone|gone) != 0 {
				c.session.Left()
			}
		case c.looped():
			c.readInput()
		}
	}
	if l.again == nil {
		l.again = queue[:0]
	}
}

// post has f run on the loop's goroutine, and reports false when the loop has ended. It may be called from any goroutine.
func (l *Loop) post(f func()) bool {
	l.mu.Lock() // also while writing, since the descriptor is closed once the loop is over
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.posted = append(l.posted, f)
	if l.asleep.Load() {
		_, _ = unix.Write(l.wakeFD, binary.NativeEndian.AppendUint64(nil, 1)) // fails only when it is already awake
	}
	return true
}

func (l *Loop) runPosted() {
	l.mu.Lock()
	posted := l.posted
	l.posted = nil
	l.mu.Unlock()
	for _, f := range posted {
		l.sendOff()
		f()
	}
}

func (l *Loop) endTurn() {
	if l.ended != nil {
		l.ended(l.index)
	}
}

// sendOff has the sessions send what they have put off, see Config.SendOff.
func (l *Loop) sendOff() {
	if l.parts != nil {
		l.parts(l.index)
	}
	l.kept = 0
}

func (l *Loop) listen() error {
	events := uint32(unix.EPOLLIN)
	if l.shared {
		events |= unix.EPOLLEXCLUSIVE
	}
	return l.watch(l.socket, events)
}

func (l *Loop) accept() {
	for range acceptAtOnce {
		if l.socket < 0 {
			return
		}
		if l.most > 0 && l.group.Open() >= l.most {
			l.starve(errFull)
			return
		}
		fd, remote, err := l.sys.accept(l.socket)
		switch {
		case err == nil:
			l.starved = false
			l.adopt(fd, remote)
		case err == unix.EAGAIN:
			return
		case err == unix.EMFILE || err == unix.ENFILE || err == unix.ENOBUFS || err == unix.ENOMEM:
			l.starve(err)
			return
		case err == unix.ECONNABORTED || err == unix.EPROTO || err == unix.EPERM:
			// This one connection failed before it was taken; the next may do.
		default:
			l.log.Error("accept failed", "err", err)
			l.suspend()
			return
		}
	}
}

// adopt makes a connection of an accepted descriptor.
func (l *Loop) adopt(fd int, remote netip.AddrPort) {
	if fd >= len(l.table) {
		l.table = append(l.table, make([]*Conn, fd+1-len(l.table)+64)...)
	}
	c := l.table[fd]
	if c == nil {
		c = &Conn{loop: l, wakeReader: make(chan struct{}, 1), wakeWriter: make(chan struct{}, 1)}
		c.state.Store(closed)
		c.session = l.open(l.index, c)
		l.table[fd] = c
	}
	if l.nextStamp++; l.nextStamp == watchStamp {
		l.nextStamp++
	}
	c.begin(fd, l.nextStamp, remote)
	if l.tunes {
		_ = tune(fd) // it may have no such options
	}
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xffffffff,
		Fd:     int32(fd), Pad: int32(c.stamp),
	}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.log.Error("cannot watch a connection", "err", err)
		c.state.Store(closed)
		_ = l.sys.close(fd) // nothing was written
		return
	}
	l.group.open.Add(1)
	l.wheel.file(c, 0) // a goroutine relies on it that the wheel comes by
	c.session.Open()
}

// starve answers a lack of descriptors: it refuses some clients by way of the reserve, then stops listening for a
// moment, so that the full queue does not make the loop spin.
func (l *Loop) starve(cause error) {
	if !l.starved {
		l.starved = true
		l.log.Warn("no descriptor for a new connection: raise the limit of open files", "err", cause)
	}
	for range refuseAtOnce {
		if l.reserve < 0 {
			break
		}
		_ = l.sys.close(l.reserve) // /dev/null
		l.reserve = -1
		fd, _, err := l.sys.accept(l.socket)
		if err == nil {
			_, _ = l.sys.write(fd, l.refusal) // a courtesy: it arrives or not
			_ = l.sys.close(fd)
		}
		if l.reserve, _ = openReserve(); err != nil {
			break
		}
	}
	l.suspend()
}

func (l *Loop) suspend() {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, l.socket, nil); err != nil {
		l.log.Error("cannot suspend listening", "err", err)
	}
	l.resumeAt = l.now + pause
}

func (l *Loop) resume() {
	l.resumeAt = 0
	if l.reserve < 0 {
		l.reserve, _ = openReserve()
	}
	if l.socket < 0 {
		return
	}
	if err := l.listen(); err != nil {
		l.log.Error("cannot resume listening", "err", err)
		l.resumeAt = l.now + pause
	}
}

// stopListening takes the connections that are already queued, since closing the listener would reset them.
func (l *Loop) stopListening() {
	if l.socket < 0 {
		return
	}
	for {
		fd, remote, err := l.sys.accept(l.socket)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				l.log.Warn("queued connections are lost", "err", err)
			}
			break
		}
		l.adopt(fd, remote)
	}
	// Closing does not end the watch while another descriptor, of another loop or process, shares the listener.
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, l.socket, nil) // there is none while listening is suspended
	_ = l.sys.close(l.socket)
	l.socket = -1
}

// ended reports whether a read's result is the end of the stream or a failure, as an error.
func ended(n int, err error) error {
	if n == 0 && err == nil {
		return io.EOF
	}
	return err
}
