package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Names of Highball with nothing of what it shows of itself, and with all that a busy site would have: the access log as JSON, phases, metrics, and the
// flight recorder.
const (
	peerBlind      = "highball-blind"
	peerSeeing     = "highball-seeing"
	peerBlindWSGI  = "highball-wsgi-blind"
	peerSeeingWSGI = "highball-wsgi-seeing"
)

// sight is a part of what a server shows of itself, and how it is switched off.
type sight struct {
	name string
	off  string // lines of the configuration
}

// sights returns what can be switched off by itself. Ids and phases of requests are always there.
func sights() []sight {
	return []sight{
		{"log", "[log]\naccess = \"off\"\n"},
		{"metrics", "[metrics]\nenabled = false\n"},
		{"recorder", "[recorder]\nsize = \"off\"\n"},
	}
}

// configurationOf returns the head of a configuration with some of the sights, by name.
func configurationOf(seen ...string) string {
	var text strings.Builder
	for _, s := range sights() {
		switch {
		case !slices.Contains(seen, s.name):
			text.WriteString(s.off)
		case s.name == "log":
			text.WriteString("[log]\naccess = \"json\"\n")
		}
	}
	if len(seen) == 0 {
		text.WriteString("[admin]\nsocket = \"off\"\n")
	}
	return text.String()
}

// seeingPeers returns the servers that differ in what they show of themselves: nothing, one part, all.
func seeingPeers() []peer {
	files := func(s setting) string { return fmt.Sprintf("[[site]]\nroot = %q\n", s.docs) }
	app := func(s setting) string {
		return fmt.Sprintf("[app.hello]\nwsgi = %q\ndir = %q\npython = %q\nworkers = %s\n[[site]]\n[[site.route]]\npath = \"/\"\napp = \"hello\"\n",
			s.app.target, s.env.apps, s.env.program("python"), strconv.Itoa(s.app.workers))
	}
	var all []peer
	add := func(name string, wsgi bool, place func(setting) string, seen ...string) {
		all = append(all, peer{
			name: name, install: "make build", wsgi: wsgi, logs: slices.Contains(seen, "log"),
			files: func(s setting) map[string]string {
				return map[string]string{"highball.toml": fmt.Sprintf("listen = [%q]\n%s%s", s.address(), configurationOf(seen...), place(s))}
			},
			args: func(s setting) []string { return []string{"run", s.dir + "/highball.toml"} },
		})
	}
	for _, of := range []struct {
		blind, seeing string
		wsgi          bool
		place         func(setting) string
	}{
		{peerBlind, peerSeeing, false, files},
		{peerBlindWSGI, peerSeeingWSGI, true, app},
	} {
		var names []string
		add(of.blind, of.wsgi, of.place)
		for _, s := range sights() {
			names = append(names, s.name)
			add(of.seeing+"-"+s.name, of.wsgi, of.place, s.name)
		}
		add(of.seeing+withoutRecorder, of.wsgi, of.place, "log", "metrics")
		add(of.seeing, of.wsgi, of.place, names...)
	}
	return all
}

// withoutRecorder ends the name of one with log and metrics.
const withoutRecorder = "-log-and-metrics"

// parts returns the peers of a row: the blind one, one for each sight, one with log and metrics, and the one that sees all.
func parts(blind, seeing string) []string {
	names := []string{blind}
	for _, s := range sights() {
		names = append(names, seeing+"-"+s.name)
	}
	return append(names, seeing+withoutRecorder, seeing)
}

// atMostMore returns the target of a row for all of it, and without the flight recorder.
func atMostMore(seeing string, most float64, says string) []target {
	return eachOf([]string{seeing + withoutRecorder, seeing}, func(peer string) target {
		return target{peer: peer, bound: bound{atMost, most}, says: says}
	})
}

// seeingWorkloads returns what it costs to see everything.
func seeingWorkloads() []workload {
	return []workload{
		{
			name: "seeing", title: "1 KiB file, 64 connections: JSON access log, phases, metrics and flight recorder against none of these",
			peers: parts(peerBlind, peerSeeing), reference: peerBlind, path: smallDocument.path,
			conns: 64, status: 200, size: smallDocument.size,
			targets: atMostMore(peerSeeing, 1.10, "at most 10 % more"),
		},
		{
			name: "wsgi-seeing", title: "\"hello, world\" from a WSGI application: JSON access log, phases, metrics and flight recorder against none of these",
			peers: parts(peerBlindWSGI, peerSeeingWSGI), reference: peerBlindWSGI, app: application{target: "hello:application", workers: 1},
			path: "/", conns: 32, status: 200, size: len("hello, world\n"),
			targets: atMostMore(peerSeeingWSGI, 1.03, "at most 3 % more"),
		},
	}
}
