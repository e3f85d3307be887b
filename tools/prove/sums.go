package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	sumClients  = 8
	sumRequests = 12_500               // of each client
	sumRounding = 7 * time.Microsecond // of seven numbers that are written to the microsecond
)

const sumConfiguration = `[log]
access = "json"
access_file = "access.log"

[app.echo]
wsgi = "echo:application"
workers = 1

[[site]]
root = "files"
  [[site.route]]
  path = "/app/"
  app = "echo"
  [[site.route]]
  path = "/cgi-bin/"
  cgi = "cgi-bin"
  [[site.route]]
  path = "/old/"
  redirect = "/small.txt"
  [[site.route]]
  path = "/fixed"
  respond = "fixed"
  compress = true
`

// sumKinds are requests of every kind, and how many of a thousand are of it; the rest is for the first.
var sumKinds = []struct {
	perMille int
	request  string
}{
	{0, "GET /small.txt HTTP/1.1\r\nHost: h\r\n\r\n"},
	{5, "GET /large.bin HTTP/1.1\r\nHost: h\r\n\r\n"},
	{100, "GET /large.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=100-199\r\n\r\n"},
	{100, "GET /missing HTTP/1.1\r\nHost: h\r\n\r\n"},
	{100, "GET /old/x HTTP/1.1\r\nHost: h\r\n\r\n"},
	{100, "GET /fixed HTTP/1.1\r\nHost: h\r\nAccept-Encoding: gzip\r\n\r\n"},
	{200, "GET /app/ HTTP/1.1\r\nHost: h\r\n\r\n"},
	{100, "POST /app/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"},
	{5, "GET /cgi-bin/hello.sh HTTP/1.1\r\nHost: h\r\n\r\n"},
}

// sumRequest returns the nth request of a client.
func sumRequest(client, n int) []byte {
	left := (n*7919 + client*104729) % 1000 // the kinds in turns, and never for long the same
	for _, kind := range sumKinds[1:] {
		if left -= kind.perMille; left < 0 {
			return []byte(kind.request)
		}
	}
	return []byte(sumKinds[0].request)
}

// showSums has many requests of every kind answered, and adds up the phases of each.
func showSums(ctx context.Context, p *proof) ([]claim, error) {
	c, err := p.startConfiguredWith(ctx, map[string]string{
		"highball.toml": sumConfiguration, "files/small.txt": "small\n", "files/large.bin": strings.Repeat("x", 1<<20),
		"cgi-bin/hello.sh": "#!/bin/sh\necho Content-Type: text/plain\necho\necho hello\n",
		"echo.py":          "def application(environ, start_response):\n    body = environ['wsgi.input'].read()\n    start_response('200 OK', [])\n    return [body]\n",
	}, "--access-log", "json")
	if err != nil {
		return nil, err
	}
	defer c.discard()
	crew := asking(c.server, sumClients, "/")
	crew.request = sumRequest
	crew.work(ctx, sumRequests)
	if err := c.stop(); err != nil { // which writes the log to its end
		return nil, err
	}
	log, err := os.Open(filepath.Join(c.dir, "access.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	requests, off, worst := 0, 0, 0.0
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		var record struct {
			Duration float64
			Phases   map[string]float64
		}
		if err := json.Unmarshal(lines.Bytes(), &record); err != nil {
			return nil, err
		}
		sum := 0.0
		for _, d := range record.Phases {
			sum += d
		}
		requests++
		if gap := math.Abs(sum - record.Duration); gap > sumRounding.Seconds() {
			worst = max(worst, gap/record.Duration)
			if gap > record.Duration/100 {
				off++
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return []claim{{
		says: fmt.Sprintf("%d requests of %d kinds: the phases of each add up to its duration within 1 %%", sumClients*sumRequests, len(sumKinds)),
		measured: fmt.Sprintf("%d requests in the log, %d of them off; beyond rounding the worst is off by %.2f %%; %s",
			requests, off, 100*worst, crew),
		holds: requests == sumClients*sumRequests && off == 0 && crew.only(http.StatusOK, http.StatusPartialContent, http.StatusTemporaryRedirect, http.StatusNotFound),
	}}, nil
}
