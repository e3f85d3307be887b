package loop

import "golang.org/x/sys/unix"

// watchStamp stands in place of a connection's generation in the events of a Watcher's descriptor.
const watchStamp = 0

// Watcher is told of a descriptor beside the connections. Ready is called on the loop's goroutine, again and again for as long
// as the descriptor is ready for what is wanted, and must not block. An error of the descriptor makes it ready for both.
type Watcher interface {
	Ready(readable, writable bool)
}

// Interest is what a Watcher wants to hear of.
type Interest uint32

// Interests, to be combined. The end of a stream is readable.
const (
	Readable Interest = unix.EPOLLIN
	Writable Interest = unix.EPOLLOUT
)

// Watch has w told of fd on a loop's goroutine. It may be called from any goroutine but a loop's. It waits for a loop that is
// running.
func (g *Group) Watch(loop, fd int, in Interest, w Watcher) error {
	l := g.loops[loop]
	done := make(chan error, 1)
	if !l.post(func() {
		err := l.watch(fd, uint32(in)) // whose event has watchStamp, since it has no other
		if err == nil {
			l.watchers[fd] = w
		}
		done <- err
	}) {
		return ErrClosed
	}
	return <-done
}

// Rewatch changes what the Watcher of fd wants. It may be called from any goroutine, before the descriptor is closed. It does
// nothing once the loop has ended.
func (g *Group) Rewatch(loop, fd int, in Interest) error {
	l := g.loops[loop]
	l.mu.Lock() // the loop may end meanwhile
	defer l.mu.Unlock()
	if l.over {
		return nil
	}
	ev := unix.EpollEvent{Events: uint32(in), Fd: int32(fd), Pad: watchStamp}
	return unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, &ev)
}

// Unwatch ends a Watch. It is for the loop's goroutine.
func (g *Group) Unwatch(loop, fd int) {
	l := g.loops[loop]
	delete(l.watchers, fd)
	_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, fd, nil) // it fails for a descriptor that is closed already
}

// Post has f run on a loop's goroutine, and reports false when the loop has ended. It may be called from any goroutine.
func (g *Group) Post(loop int, f func()) bool { return g.loops[loop].post(f) }
