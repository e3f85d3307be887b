// Package observe records what the server does: the access log, one line for
// each finished request, the logs beside it, and the trace, each exchange as its
// bytes went over the wire.
//
// # Access log
//
// A server opens the destination, starts a log over it, and gives every event
// loop a shard of its own:
//
//	file, err := observe.OpenFile("log/access.log")
//	log := observe.NewAccessLog(file, observe.Combined, loops, onLoss)
//	shard := log.Shard(loop)
//	...
//	shard.Append(&observe.Record{...}) // once for each finished request
//	...
//	file.Reopen()                      // after rotation
//	...
//	log.Close()                        // writes what is left
//	file.Close()
//
// Append packs what the line needs and returns: it neither allocates nor waits
// for the disk. Each 32nd Append of a shard, or who writes the buffers out,
// makes the lines of those before. One goroutine writes the buffers out, when
// they are full and at the latest half a second after their first line. Lines
// of one shard keep their order; lines of different shards are written buffer
// by buffer and so may be out of order by as much as that half second.
//
// A log never stops traffic. When the disk is full or too slow, lines are
// dropped, counted ([AccessLog.Lost]) and reported to the function given to
// [NewAccessLog], and logging goes on as soon as writes succeed again.
//
// The format is one of three, or a template ([ParseFormat]). Which requests get a
// line, what is not shown ([Masks]) and where lines go may change at any time
// ([AccessLog.Configure]). A [File] can rotate itself ([Rotation]); a [Syslog] takes
// lines in place of one. [ConnectionLog] writes a line for each closed connection in the
// same way, and [SlowLog] tells of requests that took the server long.
//
// # Trace
//
// A [Tracer] prints what "curl -v" would print if it sat in the server:
//
//   - connection 7 from 127.0.0.1:50312
//     < GET /?q=1 HTTP/1.1
//     < Host: localhost:8000
//     <
//
// Both outputs may hold bytes that a client chose, and both are read on
// terminals and by programs. So neither ever contains a byte outside printable
// ASCII and the line feed, whatever came in.
package observe
