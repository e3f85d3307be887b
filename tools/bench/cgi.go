package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Paths of the scripts. Both servers run them by their "#!" lines, and one of them under warmPrefix as well.
const (
	shellScript  = "hello.sh"
	pythonScript = "hello.py"
	coldPrefix   = "/cgi-bin/"
	warmPrefix   = "/warm/"
	cgiBody      = "hello, world\n"
)

// makeScripts writes the scripts to a new folder. Without Python there is none for it. The "#!" line names the interpreter itself,
// for what is called python3 may be a script that looks for one.
func makeScripts(ctx context.Context, dir, python string) error {
	text := strings.TrimSuffix(cgiBody, "\n")
	scripts := map[string]string{
		shellScript: fmt.Sprintf("#!/bin/sh\necho 'Content-Type: text/plain'\necho\necho '%s'\n", text),
	}
	if path, err := exec.CommandContext(ctx, python, "-c", "import sys; print(sys.executable)").Output(); err == nil {
		scripts[pythonScript] = fmt.Sprintf("#!%sprint('Content-Type: text/plain')\nprint()\nprint('%s')\n", path, text)
	}
	errs := []error{os.Mkdir(dir, 0o755)}
	for name, text := range scripts {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	return errors.Join(errs...)
}

// cgiPeers returns the servers that run CGI scripts.
func cgiPeers() []peer {
	return []peer{
		{
			name: peerHighballCGI, install: "make build", files: highballCGIFiles,
			args: func(s setting) []string { return []string{"run", s.dir + "/highball.toml"} },
		},
		{
			name: peerLighttpdCGI, program: "lighttpd", install: "apt-get install lighttpd", files: lighttpdCGIFiles,
			args: func(s setting) []string { return []string{"-D", "-f", s.dir + "/lighttpd.conf"} },
		},
	}
}

// cgiWorkloads returns the workloads of CGI. There are fewer connections than Highball lets scripts run at a time, so that nobody waits
// in a queue that the other server does not have; and runs are long enough for what is unfinished at their end not to matter.
//
// The processor time is that of server and scripts, of which all is in it that a process leaves behind when it is waited for. What
// the kernel does later for processes that are gone is in nobody's time; it is in the requests per second.
func cgiWorkloads() []workload {
	row := func(name, title, path string, factor float64, says string) workload {
		return workload{
			name: name, title: title, peers: []string{peerHighballCGI, peerLighttpdCGI}, reference: peerHighballCGI,
			path: path, conns: 8, few: true, leastSeconds: 4, status: 200, size: len(cgiBody),
			targets: []target{times(peerLighttpdCGI, factor, says)},
		}
	}
	return []workload{
		row("cgi-shell", "\"hello, world\" from a shell script by CGI, 8 connections", coldPrefix+shellScript, 1.1, "highball 1.1x"),
		row("cgi-python-cold", "\"hello, world\" from a Python script by CGI, 8 connections", coldPrefix+pythonScript, 1, "highball no slower"),
		row("cgi-python-warm", "the same Python script, warm in Highball", warmPrefix+pythonScript, 4, "highball 4x"),
	}
}

func highballCGIFiles(s setting) map[string]string {
	return map[string]string{"highball.toml": fmt.Sprintf(`listen = ["%[1]s"]

[log]
access = "off"

[[site]]

  [[site.route]]
  path = "%[2]s"
  cgi = "%[4]s"

  [[site.route]]
  path = "%[3]s"
  cgi = "%[4]s"
  warm = true
`, s.address(), coldPrefix, warmPrefix, s.scripts)}
}

// lighttpdCGIFiles returns lighttpd's configuration, with the scripts under both prefixes: the second means nothing to it.
func lighttpdCGIFiles(s setting) map[string]string {
	return map[string]string{"lighttpd.conf": lighttpdFiles(s)["lighttpd.conf"] + fmt.Sprintf(`
server.modules += ( "mod_alias", "mod_cgi" )
alias.url = ( "%[1]s" => "%[3]s/", "%[2]s" => "%[3]s/" )
cgi.assign = ( ".sh" => "", ".py" => "" )
`, coldPrefix, warmPrefix, s.scripts)}
}
