//go:build linux

package loop

const (
	tickLength = int64(200e6) // nanoseconds
	wheelSlots = 64           // 12.8 s in one turn; later deadlines are met by turning again
)

// wheel holds connections by the tick in which they are to be looked at. It is lazy: a deadline that moves to later
// costs nothing, since the connection is only looked at early and filed anew.
type wheel struct {
	slots [wheelSlots]*Conn // heads of doubly linked lists through Conn.next and Conn.prev
	tick  int64             // the tick up to which all is done
	count int
}

// file puts c where its deadline, or the far end of the wheel, will find it. A later place that c already has is given
// up, an earlier one is kept.
func (w *wheel) file(c *Conn, deadline int64) {
	due := w.tick + wheelSlots - 1
	if deadline != 0 {
		due = min(due, max(w.tick+1, deadline/tickLength+1))
	}
	if c.filed {
		if c.due <= due {
			return
		}
		w.remove(c)
	}
	c.due, c.filed = due, true
	head := &w.slots[due%wheelSlots]
	c.prev, c.next = nil, *head
	if c.next != nil {
		c.next.prev = c
	}
	*head = c
	w.count++
}

func (w *wheel) remove(c *Conn) {
	if !c.filed {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		w.slots[c.due%wheelSlots] = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	c.next, c.prev, c.filed = nil, nil, false
	w.count--
}

// turn advances to now and returns the connections to look at, linked by next, no longer filed.
func (w *wheel) turn(now int64) *Conn {
	target := now / tickLength
	if target-w.tick >= wheelSlots {
		w.tick = target - wheelSlots // after a long sleep one full turn looks at all
	}
	var found *Conn
	for w.tick < target {
		w.tick++
		for c := w.slots[w.tick%wheelSlots]; c != nil; c = w.slots[w.tick%wheelSlots] {
			w.remove(c)
			c.next, found = found, c
		}
	}
	return found
}

// wait returns the milliseconds until the next filed connection is due, -1 for none.
func (w *wheel) wait(now int64) int {
	if w.count == 0 {
		return -1
	}
	for ahead := int64(1); ahead < wheelSlots; ahead++ {
		if w.slots[(w.tick+ahead)%wheelSlots] != nil {
			return int(max(0, (w.tick+ahead)*tickLength-now)/1e6) + 1
		}
	}
	return int(tickLength / 1e6)
}
