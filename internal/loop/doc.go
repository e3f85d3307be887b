// Package loop moves bytes between sockets and sessions. It knows no protocol.
//
// On Linux a [Group] runs event loops. Each Loop is one goroutine with an epoll instance, a listener (of a set that
// shares its port, see SO_REUSEPORT), a table of connections indexed by descriptor, and a timer wheel; loops share
// nothing. What happens on a connection is told to its [Session], on the loop's goroutine.
//
// # Ownership
//
// A connection is owned by exactly one: its loop, or the goroutine of the session that detached it.
//
//	state      who may read, write and close      left by                  to
//	looped     the loop                           Detach                   detached
//	                                              Close                    closed
//	detached   the goroutine                      Attach (true)            looped
//	                                              Close                    closed
//	closed     nobody                             accept of the same fd    looped, next generation
//
// Every descriptor is registered once, edge-triggered, for both directions, and never again. So while a goroutine owns
// a connection the loop still learns of its events, and notes them in the connection's state word; that word also holds
// the owner. Attach is a compare-and-swap that fails while an arrival is noted, and the goroutine then goes on reading
// by itself: there is no moment in which a byte can arrive and wake nobody, and handing back needs no system call.
//
// A goroutine that must wait says for what in the same word, and sleeps on the connection's channel.
//
// # Files
//
// Files that are in memory are sent by the loop, whoever owns the connection: a session has it do so by SendFileLater, and a goroutine that waits for
// room while it sends one has given the loop an errand. It never waits for a disk in another's stead.
//
// # Elsewhere
//
// [Blocking] gives the same blocking operations over any net.Conn: for platforms without epoll, for TLS, and for
// connections in memory.
package loop
