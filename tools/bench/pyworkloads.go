package main

// pythonWorkloads returns the workloads of Python applications: one worker unless it says otherwise, 32 connections.
func pythonWorkloads() []workload {
	const conns = 32
	servers := []string{
		peerHighballWSGI, peerUWSGI, peerUWSGIOne, peerGranian, peerGranianFour, peerNginxUWSGI, peerGunicorn,
		peerWaitress,
	}
	served := []string{
		peerHighballWSGI, peerUWSGI, peerGranian, peerGranianFour, peerNginxUWSGI, peerGunicorn, peerWaitress,
	}
	hello := len("hello, world\n")
	return []workload{
		{
			name: "wsgi-hello", title: "\"hello, world\" from a WSGI application, one worker", peers: servers,
			reference: peerHighballWSGI, app: application{target: "hello:application", workers: 1},
			path: "/", conns: conns, status: 200, size: hello,
			targets: []target{
				times(peerUWSGI, 1.5, "highball 1.5x, aim 2x"), times(peerUWSGIOne, 1.5, "highball 1.5x, aim 2x"),
				times(peerGranian, 1.1, "highball 1.1x"), times(peerGranianFour, 1.1, "highball 1.1x"),
				times(peerNginxUWSGI, 4, "highball 4x"),
				times(peerGunicorn, 8, "highball 8x"), times(peerWaitress, 5, "highball 5x"),
			},
		},
		{
			name: "wsgi-10k", title: "10 KiB from a WSGI application, one worker", peers: served, reference: peerHighballWSGI,
			app: application{target: "body10k:application", workers: 1}, path: "/", conns: conns, status: 200, size: 10 << 10,
			targets: []target{times(peerGranian, 1, "highball 1x"), times(peerGranianFour, 1, "highball 1x")},
		},
		{
			name: "wsgi-1m", title: "1 MiB from a WSGI application, one worker", peers: served, reference: peerHighballWSGI,
			app: application{target: "body1m:application", workers: 1}, path: "/", conns: conns, status: 200, size: 1 << 20, bulky: true,
		},
		{
			name: "wsgi-stream", title: "256 KiB in 16 blocks of a generator, one worker", peers: served, reference: peerHighballWSGI,
			app: application{target: "stream:application", workers: 1}, path: "/", conns: conns, status: 200, size: 256 << 10,
		},
		{
			name: "wsgi-post", title: "1 KiB sent to a WSGI application and back, one worker", peers: served,
			reference: peerHighballWSGI, app: application{target: "echo:application", workers: 1}, path: "/", conns: conns,
			status: 200, upload: 1 << 10, size: 1 << 10,
		},
		{
			name: "wsgi-echo", title: "100 KiB sent to a WSGI application and back, one worker", peers: served,
			reference: peerHighballWSGI, app: application{target: "echo:application", workers: 1}, path: "/", conns: conns,
			status: 200, upload: 100 << 10, size: 100 << 10,
			targets: []target{times(peerGranian, 1.5, "highball 1.5x"), times(peerGranianFour, 1.5, "highball 1.5x")},
		},
		{
			name: "wsgi-flask", title: "\"hello, world\" from Flask, one worker", peers: served, reference: peerHighballWSGI,
			app: application{target: "flaskhello:application", workers: 1}, path: "/", conns: conns, status: 200, size: hello,
			targets: eachOf(served[1:], func(peer string) target { return times(peer, 1, "highball at least as good") }),
		},
		{
			// Waitress has one process, and so no second worker.
			name: "wsgi-two", title: "\"hello, world\" from two workers, server, workers and load together on two cores",
			peers: served[:len(served)-1], reference: peerHighballWSGI, path: "/", conns: conns, status: 200, size: hello,
			app: application{target: "hello:application", workers: 2, shared: true},
			targets: eachOf(served[1:len(served)-1], func(peer string) target {
				return target{peer: peer, of: throughput, bound: bound{atMost, 1}, says: "not ahead of highball"}
			}),
		},
	}
}

// eachOf returns a target for each peer.
func eachOf(peers []string, of func(string) target) []target {
	var targets []target
	for _, peer := range peers {
		targets = append(targets, of(peer))
	}
	return targets
}
