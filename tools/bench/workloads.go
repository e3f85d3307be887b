package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
)

// document is a file that the servers serve.
type document struct {
	path string // as in the request
	size int
}

var (
	smallDocument  = document{"/small.html", 1 << 10}
	mediumDocument = document{"/medium.bin", 100 << 10}
	largeDocument  = document{"/large.bin", 10 << 20}
)

// makeDocuments writes the files into dir.
func makeDocuments(dir string) error {
	for _, d := range []document{smallDocument, mediumDocument, largeDocument} {
		text := bytes.Repeat([]byte("clear track, full speed\n"), d.size/24+1)[:d.size]
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(d.path)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// workload is one kind of request, put to several servers in turn.
type workload struct {
	name  string
	title string
	peers []string // in the order of the table

	// reference is the peer that the others are divided by.
	reference string

	// app is the application that the servers run; the zero value for documents and programs of their own.
	app application

	path        string
	upload      int // bytes to send in a POST request; 0 for GET
	conns       int
	pipelined   int  // requests sent at once; 0 and 1 are one
	closing     bool // Connection: close, so that every request has a connection of its own
	few         bool // requests so costly that the check makes but a few of them
	bulky       bool // its sockets hold tens of megabytes
	conditional bool // with the validator of the first answer, so that all others are 304
	status      int
	size        int // of the body; -1 for any

	// mostSeconds and leastSeconds bound one run, whatever the flag says; 0 for no bound.
	mostSeconds, leastSeconds int

	targets []target
}

// target is a bound on a quantity of a peer, divided by the reference's.
type target struct {
	peer  string
	of    quantity
	bound bound
	says  string
}

// quantity is what a target is about.
type quantity int

const (
	cost       quantity = iota // processor time per request
	throughput                 // requests per second
)

// in returns the quantity of a sample.
func (q quantity) in(s *sample) float64 {
	if q == throughput {
		return s.rate
	}
	return s.cost
}

// String returns the quantity's name in the table of targets.
func (q quantity) String() string {
	if q == throughput {
		return "requests/s"
	}
	return "CPU"
}

// bound is a limit of a ratio or of a number.
type bound struct {
	kind  boundKind
	value float64
}

type boundKind int

const (
	atLeast boundKind = iota
	atMost
	above
)

// holds reports whether x keeps to the bound.
func (b bound) holds(x float64) bool {
	switch b.kind {
	case atLeast:
		return x >= b.value
	case atMost:
		return x <= b.value
	default:
		return x > b.value
	}
}

// Targets of workloads that divide by highball: a peer's cost divided by highball's, so that more is better.
func times(peer string, factor float64, says string) target {
	return target{peer: peer, bound: bound{atLeast, factor}, says: says}
}

func ahead(peer string) target {
	return target{peer: peer, bound: bound{above, 1}, says: "highball costs less"}
}

func nginxBoth(factor float64, says string) []target {
	return []target{times(peerNginxSendfile, factor, says), times(peerNginxCopy, factor, says)}
}

// workloads returns all that wrk is used for.
func workloads() []workload {
	static := []string{
		peerHighball, peerNginxSendfile, peerNginxCopy, peerLighttpd, peerH2O, peerCaddy, peerNetHTTP,
	}
	withFloor := append([]string{peerHighball, peerFloor}, static[1:]...)
	small := []target{
		times(peerFloor, 1/1.20, "highball within 1.20x"),
		ahead(peerNginxSendfile), ahead(peerNginxCopy), ahead(peerLighttpd), ahead(peerH2O),
		times(peerCaddy, 4, "highball 4x"),
	}
	all := append([]workload{
		{
			name: "static-1k-64", title: "1 KiB file, 64 connections", peers: withFloor, reference: peerHighball,
			path: smallDocument.path, conns: 64, status: 200, size: smallDocument.size, targets: small,
		},
		{
			name: "static-1k-512", title: "1 KiB file, 512 connections", peers: withFloor, reference: peerHighball,
			path: smallDocument.path, conns: 512, status: 200, size: smallDocument.size, targets: small,
		},
		{
			name: "not-modified", title: "304 Not Modified, 64 connections", peers: static, reference: peerHighball,
			path: smallDocument.path, conns: 64, conditional: true, status: 304,
			targets: nginxBoth(1.2, "highball 1.2x"),
		},
		{
			name: "not-found", title: "404 Not Found, 64 connections", peers: static, reference: peerHighball,
			path: "/missing.html", conns: 64, status: 404, size: -1, targets: nginxBoth(1.2, "highball 1.2x"),
		},
		{
			name: "static-100k", title: "100 KiB file, 64 connections", peers: static, reference: peerHighball,
			path: mediumDocument.path, conns: 64, status: 200, size: mediumDocument.size,
			targets: nginxBoth(0.95, "highball at least 0.95x"),
		},
		{
			name: "static-10m", title: "10 MiB file, 8 connections", bulky: true, peers: static, reference: peerHighball,
			path: largeDocument.path, conns: 8, status: 200, size: largeDocument.size,
			targets: nginxBoth(0.95, "highball at least 0.95x"),
		},
		{
			name: "pipelined", title: "1 KiB file, 64 connections, 16 requests at once", peers: withFloor,
			reference: peerHighball, path: smallDocument.path, conns: 64, pipelined: 16, status: 200,
			size: smallDocument.size, targets: nginxBoth(2, "highball 2x"),
		},
		{
			// One second of connections does not use up the ports of the client, and a later round can take those
			// that have waited for a second (tcp_tw_reuse).
			name: "connection-close", title: "1 KiB file, 64 connections at a time, one request each", peers: static,
			reference: peerHighball, path: smallDocument.path, conns: 64, closing: true, status: 200,
			size: smallDocument.size, mostSeconds: 1, targets: nginxBoth(0.9, "highball at least 0.9x"),
		},
		{
			name: "access-log", title: "1 KiB file, 64 connections, access log to a file against none",
			peers: []string{peerHighball, peerHighballLog}, reference: peerHighball, path: smallDocument.path,
			conns: 64, status: 200, size: smallDocument.size,
			targets: []target{{peer: peerHighballLog, bound: bound{atMost, 1.08}, says: "at most 8 % more"}},
		},
		{
			name: "handler", title: "\"hello, world\" from a Go handler, 64 connections",
			peers: []string{peerAdapter, peerPlain, peerNetHTTP}, reference: peerAdapter, path: "/hello", conns: 64,
			status: 200, size: len("hello, world\n"),
			targets: []target{times(peerNetHTTP, 2, "adapter 2x")},
		},
	}, pythonWorkloads()...)
	return slices.Concat(all, cgiWorkloads(), seeingWorkloads())
}

// secondsOf returns how long one run of the workload takes.
func (w workload) secondsOf(wanted int) int {
	if w.mostSeconds > 0 {
		wanted = min(wanted, w.mostSeconds)
	}
	return max(wanted, w.leastSeconds)
}
