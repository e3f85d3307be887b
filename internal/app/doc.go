// Package app builds a server from a configuration and runs it until it is told to stop.
//
// The command line hands over an [Order], what a person typed, and an [Env], the surroundings it was typed in;
// [Serve] does the rest and returns when the server has stopped:
//
//	signals, stop := app.Notify()
//	defer stop()
//	err := app.Serve(ctx, app.Order{Argument: "public"}, app.Env{
//		Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(), Signals: signals,
//	})
//
// What lives as long as the process, an [App], is told from what one configuration describes, a generation: sites, applications, scripts. These are the
// steps of a start, in the order that giving up root's rights wants; each can fail, and none undoes the former:
//
//  1. [Order.Configuration] turns the order into a [config.Config]: a file, the one site of a folder, or a Python
//     application; over it the environment, and over that the flags.
//  2. The access log's file is opened, every address is bound ([App.Listen]) or taken over from the process before or from systemd (inherit.go), and so
//     is the control socket (control.go); then the process becomes the user that it is to run as (privileges_unix.go).
//  3. A generation is made (generation.go): a [static.Site] for each folder, a [gateway.App] for each application, and what chooses among them.
//  4. [App.Start] starts the workers of applications, and waits until there is one that has loaded each.
//  5. [App.Run] serves. SIGTERM and SIGINT begin to drain: no more connections are accepted, what is in flight is finished, up to a deadline. SIGINT
//     while draining ends it at once.
//
// While it serves, SIGHUP and the control socket have [App.Reload] make another generation and show that in place of the present one, which is done
// away with when its last request is over; SIGUSR2 has [App.Upgrade] hand the sockets to another process; SIGUSR1 opens the access log anew.
//
// The other commands are functions of an Env, too: [Check] and [Routes] look at a configuration, [Init], [FormatFile] and [Import] write
// one, [StatusOf], [ReloadRunning], [UpgradeRunning] and [StopRunning] speak to a running server.
package app
