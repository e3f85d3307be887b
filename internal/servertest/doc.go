// Package servertest runs a highball.Server for tests: over each of its drivers, and closed with the test.
//
//	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
//		s := servertest.New(t, d, &highball.Server{Handler: h})
//		c := s.Dial(t)
//		c.Send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
//		got := c.Receive("GET")
//		...
//	})
//
// A [Client] speaks raw bytes, so that a test can say what a well-behaved client cannot, and reads answers with a
// parser of its own, which is strict about what a server may send.
//
// [Contract] holds a handler to what every handler must do whatever it answers: the same answer to HEAD, pipelined, in
// single bytes, on HTTP/1.0 and so on. A new kind of handler gives it some requests, and has these tests for nothing.
//
// The goroutine driver works on connections in memory, which also live in a bubble of testing/synctest.
package servertest
