package loop

import (
	"errors"
	"net"
	"os"
	"time"
)

// Errors of a connection's blocking operations. What the system reports otherwise is returned as it is.
var (
	// ErrPatience tells that the peer let the whole patience of an operation pass.
	ErrPatience = errors.New("loop: the peer is too slow")
	// ErrClosed tells that the connection was closed or aborted on this side.
	ErrClosed = errors.New("loop: connection closed")
)

// What a peer may still send after the last answer, while Linger waits for it to take that answer.
const (
	lingerTime  = 2 * time.Second
	lingerBytes = 1 << 20
)

// Link is the blocking face of a connection, for the goroutine that owns it; while one goroutine reads, another may write.
// Its operations move at least one byte or fail; they wait for the peer for at most the given patience, and tell how long
// they have waited. A patience of zero or less means for ever.
type Link interface {
	// Read reads into p. The end of the stream is n == 0 with io.EOF.
	Read(p []byte, patience time.Duration) (n int, waited time.Duration, err error)
	// Write writes a prefix of the concatenation of a and b.
	Write(a, b []byte, patience time.Duration) (n int, waited time.Duration, err error)
	// WriteMore is Write of a for when more follows at once: the system may hold it back to send both together.
	WriteMore(a []byte, patience time.Duration) (n int, waited time.Duration, err error)
	// SendFile writes a prefix of the n bytes of f at offset. io.ErrUnexpectedEOF tells that f has no byte there.
	SendFile(f *os.File, offset, n int64, patience time.Duration) (sent int64, waited time.Duration, err error)
	// SetTimeout has the session's Expired called after d; 0 or less means never. Time that the owner spends on
	// waiting for the peer does not count.
	SetTimeout(d time.Duration)
	// PeerLeft reports whether the peer is known to have closed its side.
	PeerLeft() bool
	// Close closes the connection. Unsent bytes are still delivered by the system.
	Close()
	// Abort closes the connection so that the peer sees a reset, not an end.
	Abort()
	// Linger ends this side's sending and drops what the peer still sends, for a bounded time and amount, so that
	// the last answer is not destroyed by a reset; then it closes.
	Linger()
	// Moved returns how many bytes have been received and sent so far. It is for the owner when it has closed, or closes.
	Moved() (received, sent int64)
	// Release takes the connection from the server: it returns it as one of package net's, which the caller closes,
	// with bytes that were read ahead. The link is then closed, as by Close; after an error it is as before.
	Release() (conn net.Conn, ahead []byte, err error)
}
