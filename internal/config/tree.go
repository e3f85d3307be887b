package config

import (
	"net"
	"net/netip"
	"strconv"
	"time"
)

// Off stands for a switched-off deadline in [Timeouts] and, as an int64, for a switched-off limit
// of [Limits].Body, [Site].UploadLimit and [App].MaxBody. In a file it is written "off".
const Off = -1

// Defaults that more than one front end has to name.
const (
	DefaultHost = "127.0.0.1"
	DefaultPort = 8000
)

// Config is what every front end (the command line, web.conf, highball.toml) produces, and all that
// the server is built from. A Config is plain data: it holds no open file and no socket, and whoever
// has it owns it.
type Config struct {
	Listen   []Listener // in the order of the file; never empty in a Config that a Load or Parse function returned
	Timeouts Timeouts
	Limits   Limits
	Log      Log
	Admin    Admin
	Metrics  Metrics
	Recorder Recorder
	OTLP     OTLP
	Apps     []App  // those that routes lead to: first what has a name, then what routes describe, each in the order of the file
	Sites    []Site // in the order of the file; no two of them name the same listener, or none, and have the same host, or none

	// TrustedProxies are the peers whose word on the client's address, scheme and host is taken, from the fields of
	// ProxyHeader. TrustUnix is set where peers at unix sockets are among them.
	TrustedProxies []netip.Prefix
	TrustUnix      bool
	ProxyHeader    string // "x-forwarded" (X-Forwarded-For, -Proto, -Host) or "forwarded" (RFC 7239)

	User, Group string // to run as after addresses were bound; "" stays as it is

	// Media maps a file name extension (lower case, without the dot) to the media type to send,
	// in addition to, and in preference to, the server's own table.
	Media map[string]string

	// DefaultMedia is the media type of files with an extension nobody knows;
	// "" leaves the choice to the server (application/octet-stream).
	DefaultMedia string

	// Files are the absolute paths of what was read: the file itself, those that it includes, and those that stand for a value. There are
	// none for the command line.
	Files []string

	// Sources are the files themselves, those that stand for a value left out.
	Sources []Source `json:"-"`

	// Notices are what is no fault and yet hardly meant, such as an application that no route leads to.
	Notices []*Error

	Debug bool // log what the server does, for people who look for a fault
	Trace bool // show the bytes on the wire
}

// Listener is one address to accept connections at.
type Listener struct {
	Network string // "tcp" or "unix"
	Address string // "host:port" (an empty host is every interface), or the path of a unix socket
	Mode    uint32 // permission bits of a unix socket; 0 leaves them to the umask
	Pos     Pos    // where it was written; zero for a default and for the command line
}

// String returns the listener as it is written in a file: "127.0.0.1:8000", "unix:/run/web.sock".
func (l Listener) String() string {
	if l.Network == "unix" {
		return "unix:" + l.Address
	}
	return l.Address
}

// Timeouts are the deadlines of a connection. Each is positive, or [Off].
type Timeouts struct {
	Head    time.Duration // from the first byte of a request to the end of its header section
	Body    time.Duration // for a request body to make progress
	Handler time.Duration // for a handler to begin its response
	Idle    time.Duration // between two requests of a connection
	Write   time.Duration // for the client to take a response's next part
}

// Limits bound what one request may make the server hold.
type Limits struct {
	Line   int   // request line, bytes
	Head   int   // header section, bytes
	Fields int   // header fields, a count
	Body   int64 // request body, bytes, or Off; a site's UploadLimit takes its place for uploads, MaxBody for applications
}

// Metrics says what is counted.
type Metrics struct {
	Enabled bool // count requests
}

// Site is a virtual host: the names it answers to, a folder and how it is served, and routes to what else answers there.
type Site struct {
	// Hosts are lower-case names without a port or a trailing dot, IP addresses (IPv6 in brackets),
	// or "*.example.org" for every name below example.org. Without Hosts it is the default site.
	Hosts  []string
	Listen []string // those of Config.Listen, as their String has them, at which the site answers; nil is all where no site that names them has the host
	Root   string   // absolute path of a folder; "" where nothing but the routes answers

	Rewrites []Rewrite // in order; the first that matches is applied
	Policy   Policy

	Routes []Route // no two of the same Path and method; a Path of "/" goes before Root

	Index         []string // names that stand for their folder, in order of preference
	Listing       bool     // list a folder that has no index file
	SPA           bool     // answer unknown paths with the root's index file
	Hidden        bool     // serve names that begin with a dot
	Precompressed bool     // prefer FILE.br, FILE.zst, FILE.gz where the client accepts them
	Symlinks      SymlinkPolicy

	Cache *time.Duration // max-age of Cache-Control; nil sends no such field, zero asks clients to revalidate

	ErrorPages map[int]string // status code (400 to 599) to the absolute path of the file that is sent

	Upload          bool  // accept files by PUT and POST
	UploadLimit     int64 // bytes of one upload, or Off
	UploadOverwrite bool  // let an upload replace a file

	Pos Pos // where the site begins; zero for the command line
}

// SymlinkPolicy says which symbolic links below a site's root are followed.
type SymlinkPolicy string

// The symbolic link policies, as they are written in a file.
const (
	SymlinksInside SymlinkPolicy = "inside" // those whose target lies in the root
	SymlinksAll    SymlinkPolicy = "all"    // every one, wherever it leads
	SymlinksNone   SymlinkPolicy = "none"   // none
)

// Default returns the configuration of a file that sets nothing: the built-in deadlines and limits,
// one listener on the loopback address, and no site.
func Default() Config {
	return Config{
		Listen: []Listener{{
			Network: "tcp",
			Address: net.JoinHostPort(DefaultHost, strconv.Itoa(DefaultPort)),
		}},
		Timeouts: Timeouts{
			Head:    10 * time.Second,
			Body:    30 * time.Second,
			Handler: 30 * time.Second,
			Idle:    75 * time.Second,
			Write:   30 * time.Second,
		},
		Limits: Limits{
			Line:   8 << 10,
			Head:   64 << 10,
			Fields: 100,
			Body:   1 << 20,
		},
		Log:         defaultLog(),
		Metrics:     Metrics{Enabled: true},
		Recorder:    Recorder{Size: DefaultRecorderSize},
		OTLP:        OTLP{Sample: 1, Service: DefaultService},
		ProxyHeader: "x-forwarded",
	}
}

// DefaultSite returns the site of a [[site]] table that sets nothing but its root. The path of
// the root is taken as it is; the caller makes it absolute.
func DefaultSite(root string) Site {
	return Site{
		Root:          root,
		Index:         []string{"index.html", "index.htm"},
		Precompressed: true,
		Symlinks:      SymlinksInside,
		UploadLimit:   100 << 20,
	}
}
