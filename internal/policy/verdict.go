package policy

import (
	"time"

	"highball"
)

// verdict is what the conditions say of a request. At most one of page, preflight, undecided and err is set; without any the
// request passes.
type verdict struct {
	page      *highball.Prepared // answers it
	preflight bool               // cors answers it
	undecided bool               // on a loop it cannot be known
	err       error              // ends it

	user    string
	key     rateKey // to be charged with an answer
	charged bool    // key is to be charged, or was
	now     time.Time
}

// passes reports whether the inner handler is to answer.
func (v *verdict) passes() bool {
	return v.page == nil && !v.preflight && !v.undecided && v.err == nil
}

// charge counts a request that was judged on a loop and has its answer.
func (v *verdict) charge(l *limiter) {
	if v.charged {
		l.charge(v.key, v.now)
	}
}

// judge asks the conditions of a request in their order.
func (h *handler) judge(r *highball.Request, on place) (v verdict) {
	v.now = h.clock()
	if h.maintenance != nil && h.judgeMaintenance(&v, r, on) {
		return v
	}
	if h.access != nil && !h.access.admits(clientOf(r)) {
		v.page = h.access.page
		return v
	}
	early := h.rate != nil && h.rate.key.kind != byUser
	if early && h.judgeRate(&v, r, on) {
		return v
	}
	if h.cors != nil && isPreflight(r) {
		v.preflight = true
		return v
	}
	if h.auth != nil && h.judgeUser(&v, r, on) {
		return v
	}
	if h.rate != nil && !early {
		h.judgeRate(&v, r, on)
	}
	return v
}

// judgeMaintenance reports whether the verdict is final, as all of its kind do.
func (h *handler) judgeMaintenance(v *verdict, r *highball.Request, on place) bool {
	m := h.maintenance
	if m.allow.holds(clientOf(r)) {
		return false
	}
	if m.file != nil {
		if on == onLoop && m.file.due(v.now) {
			v.undecided = true
			return true
		}
		m.file.refresh(v.now)
		v.page = m.file.value()
		return true
	}
	v.page = m.page
	return true
}

func (h *handler) judgeRate(v *verdict, r *highball.Request, on place) bool {
	user := v.user
	if user == "" {
		user = r.User() // whom a handler around this one has let in
	}
	v.key = h.rate.keyOf(r, user)
	var wait time.Duration
	if on == onLoop {
		wait = h.rate.peek(v.key, v.now)
	} else {
		wait = h.rate.take(v.key, v.now)
	}
	if wait > 0 {
		v.page, v.err = h.rate.refusal(wait)
		return true
	}
	v.charged = true
	return false
}

func (h *handler) judgeUser(v *verdict, r *highball.Request, on place) bool {
	a := h.auth
	var c credentials
	if !c.read(r.Header()) {
		v.page = a.challenge
		return true
	}
	if on == onLoop {
		if a.users.file.due(v.now) {
			v.undecided = true
			return true
		}
	} else {
		a.users.file.refresh(v.now)
	}
	table := a.users.file.value()
	name, ok := table.verified.lookup(&c, v.now)
	switch {
	case ok:
		v.user = name
		return false
	case on == onLoop:
		v.undecided = true
		return true
	}
	name, outcome := a.verify(r, table, &c, v.now)
	switch outcome {
	case known:
		v.user = name
		return false
	case unknown:
		v.page = a.challenge
	case crowded:
		v.page = a.busy
	case gone:
		v.err = highball.ErrAbort
	}
	return true
}
