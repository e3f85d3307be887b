// Package admin is the interface by which a running server is seen and told what to do: JSON over HTTP, at a unix socket that nobody but
// the server's user can open.
//
// The server hands [New] a [Backend] of what it can do, and serves the handler that it gets with a [highball.Server] of its own, so that no
// load on the sites keeps anybody from asking. The commands of the program speak to it by a [Client]:
//
//	status, err := admin.NewClient("/run/highball/shop.sock").Status(ctx)
//
// There are these requests:
//
//	GET  /status                        200 Status
//	POST /reload   {"workers": true}    200 Reloaded, or 422 Failure, and everything is as it was
//	POST /upgrade                       200 Upgraded, or 422 Failure
//	POST /stop     {"deadline": "10s"}  202 Stopping; the connection ends with the server
//
// Every other answer is a Failure too. A body may be left out, and may hold nothing that is not known. A request with an Origin comes from a web page, and is
// refused: no page has any business here.
package admin
