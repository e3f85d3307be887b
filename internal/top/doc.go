// Package top shows a running server in a terminal, live.
//
// The caller hands [Run] what answers for the server, usually an admin.Client, and the terminal:
//
//	err := top.Run(ctx, client, top.Terminal{Out: os.Stdout, Environ: os.Environ(), Name: "shop.toml"})
//
// It returns when the person at the terminal has had enough, and leaves the terminal as it was, also after a panic.
//
// Inside it is the loop of Bubble Tea: a model, Update, which takes keys and answers, and View, which draws all of it anew. Once a second the server
// is asked how it is (poll.go). An answer that does not come makes the model say so and ask again, at growing intervals; what was known before stays
// on the screen. The model asks and draws, and knows neither sockets nor clocks: its tests hand it answers and read its screen.
//
// Half of what is shown was chosen by strangers: targets, hosts, ids, the text of a stack. A terminal obeys what is written to it, so that every text
// from outside goes through clean (text.go), by way of fit, which the tables and the header draw with.
package top
