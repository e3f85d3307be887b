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
// Inside there are five steps, each of which can fail and none of which undoes the former:
//
//  1. [Order.Configuration] turns the order into a [config.Config]: a file, the one site of a folder, or a Python
//     application; over it the environment, and over that the flags.
//  2. [Build] makes the object graph of it: a [static.Site] for each folder, a [gateway.App] for each application,
//     a [highball.Mux] that chooses among them by host and path, the access log's file, and one [highball.Server] for all listeners.
//  3. [App.Listen] binds every address, so that nothing is announced that does not work.
//  4. [App.Start] starts the workers of applications, and waits until there is one that has loaded each.
//  5. [App.Run] serves. SIGUSR1 opens the access log anew, SIGHUP replaces the workers, if there are any; SIGTERM and SIGINT begin to drain: no more connections
//     are accepted, what is in flight is finished, up to a deadline. SIGINT while draining ends it at once.
package app
