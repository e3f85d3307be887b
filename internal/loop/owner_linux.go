package loop

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// This file is what the goroutine that owns a detached connection does with it: the waiting half of Link.

// Read implements Link.
func (c *Conn) Read(p []byte, patience time.Duration) (int, time.Duration, error) {
	var waited time.Duration
	for {
		if c.state.And(^uint32(arrived))&cut != 0 {
			return 0, waited, ErrClosed
		}
		n, err := c.loop.sys.read(c.fd, p)
		if err != unix.EAGAIN {
			c.received += int64(max(n, 0))
			if n < len(p) && n > 0 && c.state.Load()&(halfGone|gone) == 0 {
				return n, waited, nil
			}
			if n > 0 {
				c.state.Or(arrived) // there may be more, or the end
			}
			return max(n, 0), waited, ended(n, err)
		}
		if err := c.sleep(wantRead, arrived, patience, &waited); err != nil {
			return 0, waited, err
		}
	}
}

// Write implements Link.
func (c *Conn) Write(a, b []byte, patience time.Duration) (int, time.Duration, error) {
	return c.write(a, b, alone, patience)
}

// WriteMore implements Link.
func (c *Conn) WriteMore(a []byte, patience time.Duration) (int, time.Duration, error) {
	return c.write(a, nil, moreFollows, patience)
}

// hint tells the system whether more output follows at once.
type hint uint8

const (
	alone hint = iota
	moreFollows
)

func (c *Conn) write(a, b []byte, then hint, patience time.Duration) (int, time.Duration, error) {
	var waited time.Duration
	for {
		if c.state.And(^uint32(writable))&cut != 0 {
			return 0, waited, ErrClosed
		}
		var n int
		var err error
		switch {
		case then == moreFollows:
			n, err = c.loop.sys.writeMore(c.fd, a)
		case len(a) == 0:
			n, err = c.loop.sys.write(c.fd, b)
		case len(b) == 0:
			n, err = c.loop.sys.write(c.fd, a)
		default:
			n, err = c.loop.sys.writev(c.fd, a, b, nil)
		}
		if err != unix.EAGAIN {
			c.sent += int64(max(n, 0))
			return max(n, 0), waited, err
		}
		if err := c.sleep(wantWrite, writable, patience, &waited); err != nil {
			return 0, waited, err
		}
	}
}

// sleep waits until the loop has noted what is wanted, for what is left of the patience.
func (c *Conn) sleep(want, noted uint32, patience time.Duration, waited *time.Duration) error {
	start := time.Now()
	c.waiting.Add(1)
	defer func() {
		took := time.Since(start)
		*waited += took
		if d := c.deadline.Load(); d != 0 {
			c.deadline.CompareAndSwap(d, d+int64(took))
		}
		c.waiting.Add(-1)
	}()
	var expired <-chan time.Time
	if patience > 0 {
		left := patience - *waited
		if left <= 0 {
			return ErrPatience
		}
		timer := time.NewTimer(left)
		defer timer.Stop()
		expired = timer.C
	}
	wake := c.wakeReader
	if want&wantWrite != 0 {
		wake = c.wakeWriter
	}
	s := c.state.Or(want)
	defer c.state.And(^want)
	for s&(noted|gone) == 0 {
		select {
		case <-wake:
		case <-expired:
			return ErrPatience
		}
		s = c.state.Load()
	}
	if want == wantWrite && s&gone == 0 {
		c.madeRoom(time.Since(start))
	}
	return nil
}

// Backlog is how many bytes a TCP socket is to take beyond what it can send at once (TCP_NOTSENT_LOWAT). Without a bound the kernel takes megabytes
// from a file for each client that reads slowly or not at all, and the others wait meanwhile. For a client that has shown to read fast a goroutine
// that writes lifts the bound: to come by for each 128 KiB costs it more than twice the processor time.
const Backlog = 128 << 10

// TuneListener sets the options of a listening TCP socket that its connections inherit. Those of Multipath TCP, which package net listens by, inherit
// some at most, and before 2024 Linux refused them (multipath-tcp/mptcp_net-next, issue 464): a loop gives them to each connection.
func TuneListener(fd int) error {
	if isMultipath(fd) {
		return nil
	}
	return tune(fd)
}

func isMultipath(fd int) bool {
	protocol, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL)
	return err == nil && protocol == unix.IPPROTO_MPTCP
}

func tune(fd int) error {
	return errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, Backlog))
}

const (
	keepsUpWithin  = 5 * time.Millisecond // for some 64 KiB, so that it reads 13 MB/s and more
	keepsUpTimes   = 16                   // in a row, for more than its own system takes for a client that does not read
	fallsBackAfter = 500 * time.Millisecond
)

// madeRoom notes how long the client took to read as much as makes room for more.
func (c *Conn) madeRoom(took time.Duration) {
	switch {
	case c.unbounded && took > fallsBackAfter:
		c.unbounded, c.prompt = false, 0
		c.bound(Backlog)
	case c.unbounded:
	case took >= keepsUpWithin:
		c.prompt = 0
	default:
		if c.prompt++; c.prompt == keepsUpTimes {
			c.unbounded = true
			c.bound(0) // the system's choice
		}
	}
}

func (c *Conn) bound(n int) {
	_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, n) // unix sockets have no such bound
}
