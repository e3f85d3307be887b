// Package metrics tells how a server does: as Prometheus metrics, as a second-by-second history, and as statistics of the last minute.
//
// A [Ledger] fetches what the observe.Counters of the server have counted, and asks a [Source] for what only others know:
//
//	ledger := metrics.New(counters)
//	ledger.Ask(metrics.Source{Connections: server.Connections, ...})
//	go ledger.Run(ctx)         // a tick each second
//	ledger.Statistics()        // the last minute
//	ledger.History(600)        // ten minutes, second by second
//	cancel := ledger.Watch(f)  // each tick from now on
//	ledger.Handler()           // GET /metrics
//
// All of it has bounds: the routes are those of an observe.Routes, the history has an hour, and the labels of metrics are the routes', and names that are
// fixed or stand in the configuration. Nothing that a client invents becomes a label.
package metrics
