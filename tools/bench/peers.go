package main

import (
	"net"
	"slices"
	"strconv"
)

// Names of the peers, as the workloads and the report use them.
const (
	peerHighball      = "highball"
	peerHighballLog   = "highball-log"
	peerFloor         = "floor"
	peerNginxSendfile = "nginx-sendfile"
	peerNginxCopy     = "nginx-copy"
	peerLighttpd      = "lighttpd"
	peerH2O           = "h2o"
	peerCaddy         = "caddy"
	peerNetHTTP       = "net/http"
	peerAdapter       = "adapter"
	peerPlain         = "plain"
	peerHighballCGI   = "highball-cgi"
	peerLighttpdCGI   = "lighttpd-cgi"
)

// setting is what a peer needs to know to serve: its own folder for configuration and logs, the folder of documents,
// and where to listen.
type setting struct {
	program string // path of the executable
	dir     string // the peer's own folder
	docs    string
	scripts string // the folder of CGI scripts
	port    int

	// Of servers of Python applications only.
	app application
	env *environment
}

// address returns the host and port to listen on.
func (s setting) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// peer describes one server: where its program comes from and how it is told to serve. All of them are told the same:
// no access log (but for highball-log), keep-alive without an end, one process or thread that works, room for the idle
// workload's connections.
type peer struct {
	name string
	// program is looked up in PATH and the folders of system programs; "" for a program of this repository.
	program string
	install string   // what to type when the program is missing
	version []string // arguments that make the program print its version
	source  string   // package to build, of a peer that is a program of this repository
	wsgi    bool     // serves Python applications: has its setting's app and env
	python  string   // its program of the Python environment, if it is or needs one; with program, one beside that
	logs    bool     // standard output is an access log: kept in a file that must grow with the requests
	files   func(setting) map[string]string
	args    func(setting) []string
}

// peers returns all servers, in the order of the tables.
func peers() []peer {
	servers := append([]peer{
		{name: peerHighball, install: "make build", version: []string{"version"}, args: highballArgs("off")},
		{name: peerHighballLog, install: "make build", logs: true, args: highballArgs("combined")},
		{name: peerFloor, source: "highball/tools/bench/floor", args: addressArgs},
		{
			name: peerNginxSendfile, program: "nginx", install: "apt-get install nginx-light",
			version: []string{"-v"}, files: nginxFiles("on"), args: nginxArgs,
		},
		{
			name: peerNginxCopy, program: "nginx", install: "apt-get install nginx-light",
			version: []string{"-v"}, files: nginxFiles("off"), args: nginxArgs,
		},
		{
			name: peerLighttpd, program: "lighttpd", install: "apt-get install lighttpd",
			version: []string{"-v"}, files: lighttpdFiles,
			args: func(s setting) []string { return []string{"-D", "-f", s.dir + "/lighttpd.conf"} },
		},
		{
			name: peerH2O, program: "h2o", install: "apt-get install h2o", version: []string{"-v"}, files: h2oFiles,
			args: func(s setting) []string { return []string{"-m", "worker", "-c", s.dir + "/h2o.conf"} },
		},
		{
			name: peerCaddy, program: "caddy", install: "apt-get install caddy", version: []string{"version"}, files: caddyFiles,
			args: func(s setting) []string {
				return []string{"run", "--adapter", "caddyfile", "--config", s.dir + "/Caddyfile"}
			},
		},
		{
			name: peerNetHTTP, source: "highball/tools/bench/nethttp",
			args: func(s setting) []string { return []string{s.address(), s.docs} },
		},
		{name: peerAdapter, source: "highball/tools/bench/adapter", args: addressArgs},
		{name: peerPlain, source: "highball/tools/bench/plain", args: addressArgs},
	}, pythonPeers()...)
	return slices.Concat(servers, cgiPeers(), seeingPeers())
}

func highballArgs(accessLog string) func(setting) []string {
	return func(s setting) []string {
		return []string{
			s.docs, "--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--access-log", accessLog, "--no-listing",
		}
	}
}

func addressArgs(s setting) []string { return []string{s.address()} }

func nginxArgs(s setting) []string {
	return []string{"-p", s.dir, "-c", s.dir + "/nginx.conf", "-e", s.dir + "/error.log"}
}

// pip returns the name of the Python package that the peer is.
func (p peer) pip() string {
	if p.python == "python" {
		return p.name
	}
	return p.python
}
