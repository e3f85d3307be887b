package loop

import "golang.org/x/sys/unix"

// Gather has what arrives read into room, which must not be empty, in place of Input, until that is full: the session then hears Gathered. Until then, or
// until StopGather, nobody else may use room. It is for the loop's goroutine, while the loop owns the connection.
func (c *Conn) Gather(room []byte) { c.room = room }

// StopGather undoes Gather, and returns how many bytes of the room are missing. It is for the loop's goroutine.
func (c *Conn) StopGather() (missing int) {
	missing = len(c.room)
	c.room = nil
	return missing
}

// fillRoom reads what Gather wants, and what is behind it.
func (c *Conn) fillRoom() {
	l := c.loop
	b := l.readBuffer()
	wanted := len(c.room)
	n, err := l.sys.readv(c.fd, c.room, b)
	switch {
	case n > 0:
	case err == unix.EAGAIN:
		return
	default:
		c.session.EOF()
		return
	}
	c.received += int64(n)
	if n < wanted {
		c.room = c.room[n:]
	} else {
		c.room = nil
		l.reading = l.kept + n - wanted
		c.session.Gathered(b[:n-wanted])
	}
	if n == wanted+len(b) || c.state.Load()&(halfGone|gone) != 0 {
		c.readLater()
	}
}
