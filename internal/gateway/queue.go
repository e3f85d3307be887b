package gateway

import "slices"

// queue is a line of requests that wait for a worker.
type queue struct {
	waiting []*ticket // from first on
	first   int
}

func (q *queue) len() int { return len(q.waiting) - q.first }

func (q *queue) front() *ticket { return q.waiting[q.first] }

func (q *queue) push(tk *ticket) {
	if q.first > 0 && len(q.waiting) == cap(q.waiting) {
		n := copy(q.waiting, q.waiting[q.first:])
		clear(q.waiting[n:])
		q.waiting, q.first = q.waiting[:n], 0
	}
	q.waiting = append(q.waiting, tk)
}

// unshift puts tickets before all others.
func (q *queue) unshift(all []*ticket) {
	if len(all) > 0 {
		q.waiting, q.first = slices.Concat(all, q.waiting[q.first:]), 0
	}
}

func (q *queue) pop() *ticket {
	tk := q.waiting[q.first]
	q.waiting[q.first] = nil
	if q.first++; q.first == len(q.waiting) {
		q.waiting, q.first = q.waiting[:0], 0
	}
	return tk
}

// remove takes tk out of the line, and reports whether it stood there.
func (q *queue) remove(tk *ticket) bool {
	i := slices.Index(q.waiting, tk)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	if q.first == len(q.waiting) {
		q.waiting, q.first = q.waiting[:0], 0
	}
	return true
}
