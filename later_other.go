//go:build !linux

package highball

// onTurn is empty where there are no event loops.
type onTurn struct{}

func (l Later) use(*Turn, letter) {} // nobody has one

func (c *conn) continues() bool { return false }

// resumes reports whether it goes on with an answer of which the client has got some already.
func (c *conn) resumes() bool { return false }

func (c *conn) continuation() func(w *Response, r *Request) error { return nil }
