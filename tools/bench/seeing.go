package main

import (
	"fmt"
	"strconv"
)

// Names of Highball with nothing of what it shows of itself, and with all that a busy site would have: the access log as JSON, phases, metrics, and the
// flight recorder.
const (
	peerBlind      = "highball-blind"
	peerSeeing     = "highball-seeing"
	peerBlindWSGI  = "highball-wsgi-blind"
	peerSeeingWSGI = "highball-wsgi-seeing"
)

const (
	blind = `[log]
access = "off"
[metrics]
enabled = false
[recorder]
size = "off"
[admin]
socket = "off"
`
	seeing = `[log]
access = "json"
`
)

// seeingPeers returns the servers that differ in what they show of themselves.
func seeingPeers() []peer {
	configured := func(name, text string, place func(setting) string) peer {
		return peer{
			name: name, install: "make build",
			files: func(s setting) map[string]string {
				return map[string]string{"highball.toml": fmt.Sprintf("listen = [%q]\n%s%s", s.address(), text, place(s))}
			},
			args: func(s setting) []string { return []string{"run", s.dir + "/highball.toml"} },
		}
	}
	files := func(s setting) string { return fmt.Sprintf("[[site]]\nroot = %q\n", s.docs) }
	app := func(s setting) string {
		return fmt.Sprintf("[app.hello]\nwsgi = %q\ndir = %q\npython = %q\nworkers = %s\n[[site]]\n[[site.route]]\npath = \"/\"\napp = \"hello\"\n",
			s.app.target, s.env.apps, s.env.program("python"), strconv.Itoa(s.app.workers))
	}
	all := []peer{
		configured(peerBlind, blind, files), configured(peerSeeing, seeing, files),
		configured(peerBlindWSGI, blind, app), configured(peerSeeingWSGI, seeing, app),
	}
	for i := range all {
		all[i].logs = all[i].name == peerSeeing || all[i].name == peerSeeingWSGI
		all[i].wsgi = all[i].name == peerBlindWSGI || all[i].name == peerSeeingWSGI
	}
	return all
}

// seeingWorkloads returns what it costs to see everything.
func seeingWorkloads() []workload {
	return []workload{
		{
			name: "seeing", title: "1 KiB file, 64 connections: JSON access log, phases, metrics and flight recorder against none of these",
			peers: []string{peerBlind, peerSeeing}, reference: peerBlind, path: smallDocument.path,
			conns: 64, status: 200, size: smallDocument.size,
			targets: []target{{peer: peerSeeing, bound: bound{atMost, 1.10}, says: "at most 10 % more"}},
		},
		{
			name: "wsgi-seeing", title: "\"hello, world\" from a WSGI application: JSON access log, phases, metrics and flight recorder against none of these",
			peers: []string{peerBlindWSGI, peerSeeingWSGI}, reference: peerBlindWSGI, app: application{target: "hello:application", workers: 1},
			path: "/", conns: 32, status: 200, size: len("hello, world\n"),
			targets: []target{{peer: peerSeeingWSGI, bound: bound{atMost, 1.03}, says: "at most 3 % more"}},
		},
	}
}
