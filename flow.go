package highball

import "errors"

// Why a Flow has nothing to give at the moment.
var (
	// ErrNoneYet is returned by Flow.Next when nothing is there yet: whoever makes the body calls Later.More when that changes.
	ErrNoneYet = errors.New("highball: there is no more of the body yet")
	// ErrWouldBlock is returned by Flow.Next when what comes next may have to be waited for, such as for a disk: Flow.Serve goes on.
	ErrWouldBlock = errors.New("highball: to get more of the body may block")
)

// Flow is the body of an answer that is made elsewhere while it is sent, see Later.Stream. An event loop takes it from there, as fast as the client
// does.
type Flow interface {
	// Next returns what is to be sent next, which stays what it is until Next is called again, or Pending.Done. It is called on an event loop and must
	// not block. Its errors are ErrNoneYet, ErrWouldBlock, io.EOF at the end, which may come with the last bytes, and else why there will be no
	// more: if nothing was sent, Serve is to tell the client, and otherwise the connection is cut. After an error but ErrNoneYet it is not called any more.
	Next() ([]byte, error)
	// Serve answers in blocking style, on a goroutine, where an event loop cannot: the whole answer, its head included, or the rest of it if
	// w.Started(). It is called after Pending.Done, and at most once.
	Serve(w *Response, r *Request) error
}

// Stream answers with the status and header of p, and with a body that is sent while it is made; length is what it has been declared to have, or -1. A
// longer body is cut, a shorter one cuts the connection. The Pending hears Done when all was sent, or when f.Serve is to do that.
func (l Later) Stream(t *Turn, p *PreparedHead, length int64, f Flow) {
	l.use(t, letter{Later: l, head: p, length: length, flow: f})
}

// More has the Flow asked again that has said ErrNoneYet.
func (l Later) More(t *Turn) {
	l.use(t, letter{Later: l, more: true})
}
