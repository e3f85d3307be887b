package observe

import "time"

// Methods is how many methods are counted one by one: those of [MethodNames].
const Methods = 8

// MethodNames returns the names of the methods that are counted, at their indexes. The last one stands for all others, which clients may invent.
func MethodNames() [Methods]string {
	return [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "other"}
}

func methodIndex(method string) int {
	switch method {
	case "GET":
		return 0
	case "HEAD":
		return 1
	case "POST":
		return 2
	case "PUT":
		return 3
	case "DELETE":
		return 4
	case "PATCH":
		return 5
	case "OPTIONS":
		return 6
	}
	return Methods - 1
}

// Classes is how many classes of status there are: those of [ClassNames].
const Classes = 6

// ClassNames returns the names of the classes of status (RFC 9110, section 15), at their indexes. The first one is for requests without an answer.
func ClassNames() [Classes]string { return [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"} }

func classIndex(status int) int {
	if class := uint(status) / 100; class < Classes {
		return int(class)
	}
	return 0
}

// Counts is what was counted of requests, of one route or of several. The zero value is nothing. It takes about 4 KiB.
type Counts struct {
	Requests  [Methods][Classes]uint64 // at the indexes of [MethodNames] and [ClassNames]
	Aborted   uint64                   // answers that were cut short
	Sent      uint64                   // bytes of bodies
	Received  uint64                   // likewise
	Duration  time.Duration            // sum
	Spans     Spans                    // sums
	Durations Durations
	Phases    [Phases]CoarseDurations // but for phases that took no time, see [Counts.Phase]
}

// take counts r.
func (c *Counts) take(r *Record) {
	c.Requests[methodIndex(r.Method)][classIndex(r.Status)]++
	if r.Aborted {
		c.Aborted++
	}
	c.Sent += uint64(max(r.Bytes, 0))
	c.Received += uint64(max(r.Received, 0))
	c.Duration += r.Duration
	c.Durations.Observe(r.Duration)
	for p, span := range r.Spans {
		if span > 0 {
			c.Spans[p] += span
			c.Phases[p][durations.coarse[bucketOf(span)]]++
		}
	}
}

// Add adds other.
func (c *Counts) Add(other *Counts) {
	for m := range other.Requests {
		for class, n := range other.Requests[m] {
			c.Requests[m][class] += n
		}
	}
	c.Aborted += other.Aborted
	c.Sent += other.Sent
	c.Received += other.Received
	c.Duration += other.Duration
	c.Durations.Add(&other.Durations)
	for p := range other.Phases {
		c.Spans[p] += other.Spans[p]
		for i, n := range other.Phases[p] {
			c.Phases[p][i] += n
		}
	}
}

// Total returns how many requests there were.
func (c *Counts) Total() (n uint64) {
	for _, of := range c.ByClass() {
		n += of
	}
	return n
}

// ByClass returns how many requests there were, by class of status.
func (c *Counts) ByClass() (n [Classes]uint64) {
	for m := range c.Requests {
		for class, of := range c.Requests[m] {
			n[class] += of
		}
	}
	return n
}

// Errors returns how many requests have failed for a reason that is the server's: 5xx, or no answer.
func (c *Counts) Errors() uint64 {
	n := c.ByClass()
	return n[0] + n[5]
}

// Phase returns how long a phase was, of all requests: for those that did not have it, no time.
func (c *Counts) Phase(p Phase) CoarseDurations {
	h := c.Phases[p]
	rest := c.Total()
	for _, n := range h {
		rest -= n
	}
	h[0] += rest
	return h
}
