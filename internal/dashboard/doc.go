// Package dashboard is the page on which a running server is seen: rates, phases, latencies, what is in flight and where it is, workers, routes,
// clients, the tail of the access log, the flight recorder and the configuration.
//
// [New] returns a handler of the page and its scripts and styles, which are part of the program:
//
//	err := mux.Handle("GET /", dashboard.New())
//
// There is no data in them. The page asks the control interface for it (package admin), at the address that it was served from, with the token that its own address
// had after "#token=". A fragment is never sent to a server, and is taken out of the address at once.
//
// # How it is made
//
// Plain ES modules, as written: nothing builds, bundles or fetches. uPlot draws the lines; its licence lies beside it.
//
//	assets/index.html   every panel and dialog, hidden until it has something to show
//	assets/main.js      joins the modules below; which panel is open
//	assets/api.js       requests with the token; the stream of events, and its return after a loss
//	assets/ring.js      the last hour, second by second, in arrays of a fixed size
//	assets/charts.js    the time series, and heatmap.js the latencies on one of them
//	assets/table.js     tables whose rows are used again
//	assets/panel_*.js   a panel each
//
// # What it must never do
//
// Almost every string that it shows was chosen by a client of the server. So text is only ever set as text, never as markup, and the content
// security policy has the browser refuse anything else (Trusted Types). Characters that change the direction of text, or cannot be seen, are
// shown as replaced.
//
// Its memory does not grow with time: seconds are kept in arrays of a fixed size, rows in a pool, lines of the log up to 500.
package dashboard
