// Package admin is the interface by which a running server is seen and told what to do: JSON over HTTP, at a unix socket that nobody but
// the server's user can open, and by choice at a loopback address for those who know a token.
//
// The server hands [New] a [Backend] of what it can do, and serves the handler that it gets with a [highball.Server] of its own, so that no
// load on the sites keeps anybody from asking. The commands of the program speak to it by a [Client]:
//
//	status, err := admin.NewClient("/run/highball/shop.sock").Status(ctx)
//
// There are these requests:
//
//	GET  /status                          200 Status
//	POST /reload      {"workers": true}   200 Reloaded, or 422 Failure, and everything is as it was
//	POST /upgrade                         200 Upgraded, or 422 Failure
//	POST /stop        {"deadline": "10s"} 202 Stopping; the connection ends with the server
//
//	GET  /requests                        200 Requests
//	GET  /requests/ID/stack               200 Stack; 404 no such request, 409 no worker is at it, 503 it could not be taken
//	POST /requests/ID/kill                200 Killed, or 404
//	GET  /workers                         200 Workers
//
//	GET  /statistics                      200 Statistics
//	GET  /history?seconds=600             200 History
//	GET  /metrics                         200 for Prometheus
//	GET  /events?log=1&status=&method=&path=&client=   server-sent events: hello, tick, log, lost
//
//	GET  /recent?limit=50&status=&path=   200 Recent
//	GET  /recent/ID                       200 Exchange, or 404
//	POST /recent/ID/replay {"force": true} 200 Replayed; 409 the method is not safe
//	POST /recent/record {"seconds": 30}   200 Recording
//
//	GET  /configuration                   200 Configuration
//	GET  /address                         200 Address; at the unix socket alone
//
// Every other answer is a Failure too. A body may be left out, and neither it nor a query may hold anything that is not known. At the unix socket a request with an Origin
// comes from a web page, and is refused: no page has any business there. At a TCP address, see [NewWeb], pages have, but only the dashboard's.
package admin
