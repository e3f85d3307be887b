//go:build !linux

package highball

// onTurn is empty where there are no event loops.
type onTurn struct{}

func (l Later) use(*Turn, letter) {} // nobody has one

func (c *conn) continues() bool { return false }

func (c *conn) continuation() func(w *Response, r *Request) error { return nil }
