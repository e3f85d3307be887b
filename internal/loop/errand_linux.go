package loop

import (
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// To send a file to a client that reads takes sendfile once or twice whenever there is room, and a goroutine would be woken for each: a third of what
// it all costs is then changing threads. So a loop does it, while a goroutine that owns the connection sleeps, or for a session that has none. It has
// an errand: to send a part of a file. It gives it back when all is sent, or when what comes next may wait for a disk or has failed; a goroutine then
// does that, and meets the error itself.
//
//	errand     left by                                                           to
//	none       the owner, a goroutine before it sleeps, or the session: entrust  given
//	given      the owner, who has something else to do: takeBack                 none
//	           moveFile: what can be done is done                                none, and the owner is told

const (
	nowAtMost    = 256 << 10      // bytes of a file that leave at once; for more the others are not to wait
	moveAtOnce   = 2 << 20        // bytes of one file, before the others have had their turn
	lookAhead    = 2 * moveAtOnce // for how much of a file one look at its end tells that it is in memory
	filesTime    = int64(500e3)   // nanoseconds of a turn for files; who asks for something small waits meanwhile
	slowSend     = int64(5e6)     // for moveAtOnce bytes of a file, after which a loop sends none for a while
	slowSendRest = int64(1000e6)  // that while
)

// errand is a part of a file that the loop is to send for the goroutine that owns the connection.
type errand struct {
	mu     sync.Mutex // guards the following fields; held by the loop while it sends
	given  bool
	file   int // descriptor
	offset int64
	left   int64 // bytes to be sent from there
	moved  int64 // bytes that were sent
	cached int64 // offset before which the file was found to be in memory
	since  int64 // when it began to wait for room, on the group's clock; 0 while there is some
	took   int64 // nanoseconds that sending took
}

// SendFile implements Link.
func (c *Conn) SendFile(f *os.File, offset, n int64, patience time.Duration) (moved int64, waited time.Duration, err error) {
	in, err := f.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	if closed := in.Control(func(fd uintptr) { moved, waited, err = c.sendFile(int(fd), offset, n, patience) }); closed != nil {
		return 0, 0, closed
	}
	return moved, waited, err
}

func (c *Conn) sendFile(file int, offset, n int64, patience time.Duration) (moved int64, waited time.Duration, err error) {
	for {
		if c.state.And(^uint32(writable))&cut != 0 {
			return 0, waited, ErrClosed
		}
		sent, err := c.loop.sys.sendfile(c.fd, file, offset, int(min(n, sendAtOnce)))
		switch {
		case err == nil && sent == 0:
			return 0, waited, io.ErrUnexpectedEOF
		case err != unix.EAGAIN:
			c.sent += int64(max(sent, 0))
			return int64(max(sent, 0)), waited, err
		}
		c.entrust(file, offset, n)
		err = c.sleep(wantWrite|entrusted, writable, patience, &waited)
		moved, took := c.takeBack()
		c.sent += moved
		waited -= took
		if moved > 0 {
			return moved, waited, nil
		}
		if err != nil {
			return 0, waited, err
		}
	}
}

// entrust gives the loop the errand of sending n bytes of the file from offset.
func (c *Conn) entrust(file int, offset, n int64) {
	if c.errand == nil {
		c.errand = new(errand)
	}
	e := c.errand
	e.mu.Lock()
	defer e.mu.Unlock()
	e.given, e.file, e.offset, e.left = true, file, offset, n
	e.moved, e.cached, e.since, e.took = 0, 0, c.loop.group.clock(), 0
}

// takeBack ends the errand and returns what has become of it: bytes sent, and the time that took.
func (c *Conn) takeBack() (moved int64, took time.Duration) {
	e := c.errand
	e.mu.Lock()
	defer e.mu.Unlock()
	e.given = false
	return e.moved, time.Duration(e.took)
}

// SendFileLater has the loop send n bytes of a file from offset as there is room, and then tell the session by FileSent. Until then, or until
// StopFile, the descriptor must stay open, and the session sends nothing and hears no Input. It is for the loop's goroutine, while the loop owns the
// connection and nothing is pending.
func (c *Conn) SendFileLater(file int, offset, n int64) {
	c.entrust(file, offset, n)
	c.sending = true
	c.toMove() // nothing has promised an event
}

// StopFile undoes SendFileLater: FileSent will not come. It returns what that would have told.
func (c *Conn) StopFile() (moved int64, took time.Duration) {
	c.sending = false
	moved, took = c.takeBack()
	c.sent += moved
	return moved, took
}

// toMove has moveFiles come by. It is for the loop's goroutine.
func (c *Conn) toMove() {
	if !c.moving {
		c.moving = true
		c.loop.files = append(c.loop.files, c)
	}
}

// moveFiles goes on with the errands for which there is room, each in its turn, for a bounded time, and reports whether a session was told
// of the end of one.
func (l *Loop) moveFiles() (told bool) {
	begun := l.group.clock()
	now, i := begun, 0
	for ; i < len(l.files) && now-begun <= filesTime; i++ {
		c := l.files[i]
		c.moving = false
		more, over := c.moveFile(now)
		before := now
		if now = l.group.clock(); now-before > slowSend {
			l.filesRest = now + slowSendRest
		}
		switch {
		case more:
			c.toMove()
		case !over:
		case c.sending:
			told = true
			c.session.FileSent(c.StopFile())
			if c.unread {
				c.readLater()
			}
		default:
			c.wakeOwner(c.state.Or(writable), writable)
			l.yield = true
		}
	}
	l.files = slices.Delete(l.files, 0, i)
	return told
}

// moveFile goes on with the connection's errand, if it still has one, and reports whether there is room for more, or whether the errand is over.
func (c *Conn) moveFile(now int64) (more, over bool) {
	e := c.errand
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.given {
		return false, false
	}
	if e.since != 0 {
		c.madeRoom(time.Duration(now - e.since))
		e.since = 0
	}
	if now >= c.loop.filesRest && c.state.And(^uint32(writable))&(cut|gone) == 0 {
		more, over = c.sendOn(e)
		after := c.loop.group.clock()
		e.took += after - now
		if !more {
			e.since = after
		}
	} else {
		over = true
	}
	e.given = !over
	return more, over
}

// sendOn sends what there is room for, but no more than moveAtOnce before the others have had their turn.
func (c *Conn) sendOn(e *errand) (more, over bool) {
	for calls := 0; e.left > 0; calls++ {
		if calls == 2 { // the client makes room as fast as it is filled
			return true, false
		}
		n := min(e.left, moveAtOnce)
		if e.offset+n > e.cached {
			end := e.offset + min(e.left, lookAhead)
			if !c.loop.sys.cached(e.file, end-1) {
				return false, true
			}
			e.cached = end
		}
		sent, err := c.loop.sys.sendCached(c.fd, e.file, e.offset, int(n))
		if err == unix.EAGAIN {
			return false, false
		}
		if err != nil || sent == 0 {
			return false, true
		}
		e.offset, e.left, e.moved = e.offset+int64(sent), e.left-int64(sent), e.moved+int64(sent)
		if int64(sent) == n && e.left > 0 {
			return true, false
		}
	}
	return false, true
}
