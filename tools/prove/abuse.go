package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	abusers       = 50
	abusePatience = 300 * time.Millisecond // how long an abuser waits for an answer
	closeLimit    = 15 * time.Second       // more than the deadline for a head: until then all connections must be closed
)

// showAbuse builds the server with the race detector and lets clients do to it what no client should.
func showAbuse(ctx context.Context, p *proof) ([]claim, error) {
	program, err := p.buildRace(ctx)
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp(p.work, "docs-")
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(root, "small.html"), []byte("here\n"), 0o644),
		os.WriteFile(filepath.Join(root, "large.bin"), make([]byte, 4<<20), 0o644),
		os.Mkdir(filepath.Join(root, "folder"), 0o755),
	)
	if err != nil {
		return nil, err
	}
	srv, err := p.startServer(ctx, program, root, "--listing", "--upload", "--upload-overwrite")
	if err != nil {
		return nil, err
	}
	defer srv.kill()
	for _, path := range []string{"/", "/small.html", "/large.bin", "/folder/", "/missing"} { // whatever is opened once is open now
		if _, err := srv.get(ctx, path); err != nil {
			return nil, err
		}
	}
	before, err := srv.settle(ctx, 0)
	if err != nil {
		return nil, err
	}

	fmt.Fprintf(p.progress, "prove: -abuse %s -seed %d\n", p.abuse, p.seed)
	var done tally
	var clients sync.WaitGroup
	abusing, stop := context.WithCancel(ctx)
	defer stop()
	defer time.AfterFunc(p.abuse, stop).Stop()
	for n := range abusers {
		clients.Go(func() {
			// Each comes from an address of its own: those of one would run out of ports.
			from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n))}
			a := &abuser{net.Dialer{LocalAddr: from}, srv.address, rand.New(rand.NewPCG(p.seed, uint64(n))), &done}
			for abusing.Err() == nil {
				a.connect(abusing)
			}
		})
	}
	clients.Wait()

	after, err := srv.settle(ctx, before)
	if err != nil {
		return nil, err
	}
	status, requestErr := srv.get(ctx, "/small.html")
	endErr := srv.stop()
	reports, err := srv.complaints()
	if err != nil {
		return nil, err
	}
	ending := "and ended with status 0"
	if endErr != nil {
		ending = endErr.Error()
	}
	first := ""
	if reason := done.reason.Load(); reason != nil {
		first = " (" + *reason + ")"
	}
	next := fmt.Sprintf("status %d", status)
	if requestErr != nil {
		next = requestErr.Error()
	}
	return []claim{
		{
			says: fmt.Sprintf("%s of abuse on %d connections at a time, under the race detector: no panic, no race", p.abuse, abusers),
			measured: fmt.Sprintf("%d connections, %d more that could not be made%s; %d responses read; reports: %d %s; %s", done.connections.Load(),
				done.refused.Load(), first, done.responses.Load(), len(reports), strings.Join(reports, "; "), ending),
			holds: len(reports) == 0 && endErr == nil && done.connections.Load() > 0 && done.responses.Load() > 0,
		},
		{"no descriptor leaks", fmt.Sprintf("%d before, %d after", before, after), after <= before},
		{"the next request is answered", next, requestErr == nil && status == http.StatusOK},
	}, nil
}

// buildRace builds the program with the race detector from the sources that this module stands beside.
func (p *proof) buildRace(ctx context.Context) (string, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "highball").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	program := filepath.Join(p.work, "highball-race")
	dir := strings.TrimSpace(string(module))
	out, err := exec.CommandContext(ctx, "go", "build", "-C", dir, "-race", "-o", program, "./cmd/highball").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build -race: %w: %s", err, out)
	}
	return program, nil
}

// settle waits until the server has no more than a number of descriptors, or as many as a second ago, and returns how
// many it has.
func (s *server) settle(ctx context.Context, wanted int) (int, error) {
	last, same := -1, 0
	for began := time.Now(); time.Since(began) < closeLimit; {
		open, err := s.descriptors()
		if err != nil {
			return 0, fmt.Errorf("%w: %s", err, s.lastWords())
		}
		if open == last {
			same++
		} else {
			last, same = open, 0
		}
		if open <= wanted || wanted == 0 && same == 10 {
			return open, nil
		}
		if err := pauseFor(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return last, nil
}

// complaint finds what the runtime, the race detector and the server say about a bug.
var complaint = regexp.MustCompile(`(?im)^.*(\bpanic\b|DATA RACE|fatal error|goroutine \d+ \[).*$`)

// complaints returns the first lines about bugs that the server printed.
func (s *server) complaints() ([]string, error) {
	text, err := os.ReadFile(s.printed)
	return complaint.FindAllString(string(text), maxFindings), err
}

// tally counts what the abusers did.
type tally struct {
	connections, refused, responses atomic.Int64
	reason                          atomic.Pointer[string] // why the first connection could not be made that was not
}

// abuser is one client with its own source of randomness.
type abuser struct {
	dialer  net.Dialer
	address string
	random  *rand.Rand
	done    *tally
}

// connect abuses one connection: some bytes in some pieces, and then some way to leave.
func (a *abuser) connect(ctx context.Context) {
	conn, err := a.dialer.DialContext(ctx, "tcp", a.address)
	if err != nil {
		if ctx.Err() == nil {
			a.done.refused.Add(1)
			text := err.Error()
			a.done.reason.CompareAndSwap(nil, &text)
		}
		return
	}
	tcp := conn.(*net.TCPConn)
	defer tcp.Close()
	a.done.connections.Add(1)
	_ = tcp.SetDeadline(time.Now().Add(abusePatience)) // errors of a connection show in what follows, and end it
	for rest := a.bytes(); len(rest) > 0; {
		n := len(rest)
		if a.random.IntN(2) == 0 {
			n = 1 + a.random.IntN(len(rest))
		}
		if _, err := tcp.Write(rest[:n]); err != nil {
			break
		}
		rest = rest[n:]
	}
	switch a.random.IntN(6) {
	case 0: // a reset at once
		_ = tcp.SetLinger(0)
	case 1: // a reset while an answer is on its way
		a.read(tcp, int64(a.random.IntN(100_000)))
		_ = tcp.SetLinger(0)
	case 2: // a half-close, and then the answers
		_ = tcp.CloseWrite()
		a.read(tcp, 8<<20)
	case 3: // a half-close, a piece of an answer, and gone
		_ = tcp.CloseWrite()
		a.read(tcp, int64(a.random.IntN(2000)))
	case 4: // gone at once
	case 5: // somebody who waits
		a.read(tcp, 8<<20)
	}
}

// read reads so many bytes at most and counts what begins like a response.
func (a *abuser) read(conn *net.TCPConn, most int64) {
	head := make([]byte, 9)
	n, err := io.ReadFull(io.LimitReader(conn, most), head)
	if n == len(head) && string(head) == "HTTP/1.1 " {
		a.done.responses.Add(1)
	}
	if err == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, most-int64(n)))
	}
}

// bytes returns what one connection sends.
func (a *abuser) bytes() []byte {
	switch a.random.IntN(5) {
	case 0: // noise
		return a.noise(1 + a.random.IntN(4000))
	case 1: // requests one after the other
		return a.pipeline()
	default: // requests with damage
		return a.damage(a.pipeline())
	}
}

func (a *abuser) noise(n int) []byte {
	noise := make([]byte, n)
	for i := range noise {
		noise[i] = byte(a.random.UintN(256))
	}
	return noise
}

// damage changes, removes, repeats or inserts some bytes, or breaks off.
func (a *abuser) damage(text []byte) []byte {
	for range 1 + a.random.IntN(4) {
		if len(text) < 2 {
			break
		}
		at := a.random.IntN(len(text))
		end := at + a.random.IntN(min(len(text)-at, 40))
		switch a.random.IntN(6) {
		case 0:
			text[at] = byte(a.random.UintN(256))
		case 1:
			text = append(text[:at:at], text[end:]...)
		case 2:
			text = append(text[:end:end], text[at:]...)
		case 3:
			text = append(append(text[:at:at], a.noise(a.random.IntN(20))...), text[at:]...)
		case 4:
			text = append(append(text[:at:at], oneOf(a.random, "\r\n", "\n", "\r", "\x00", ":", " ", "\r\n\r\n", ";", ",")...), text[at:]...)
		case 5:
			text = text[:at]
		}
	}
	return text
}

// pipeline returns some requests, most of them sound.
func (a *abuser) pipeline() []byte {
	var text []byte
	for range 1 + a.random.IntN(8) {
		text = append(text, a.request()...)
	}
	return text
}

func (a *abuser) request() string {
	r := a.random
	method := oneOf(r, "GET", "GET", "GET", "HEAD", "PUT", "POST", "OPTIONS", "DELETE", "BREW")
	path := oneOf(r, "/small.html", "/small.html", "/large.bin", "/", "/folder/", "/folder", "/missing", "/upload.bin", "/folder/../x",
		"/%2e%2e/%00", "*", "http://other/small.html", "/"+strings.Repeat("long/", r.IntN(2000)))
	head := method + " " + path + oneOf(r, " HTTP/1.1", " HTTP/1.1", " HTTP/1.1", " HTTP/1.0", " HTTP/9.9", "") + "\r\nHost: here\r\n"
	for range r.IntN(4) {
		head += oneOf(r, "Range: bytes=0-10,20-30,-5", "Range: bytes=100-", "If-None-Match: *", "Accept: application/json",
			"Accept-Encoding: gzip, br", "Connection: close", "Expect: 100-continue", "Upgrade: h2c", "X-Long: "+strings.Repeat("x", r.IntN(9000)),
			"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "Content-Type: multipart/form-data; boundary=b") + "\r\n"
	}
	body := strings.Repeat("b", r.IntN(3000))
	switch r.IntN(5) {
	case 0:
		return head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	case 1: // more, or less, than what comes
		return head + fmt.Sprintf("Content-Length: %d\r\n\r\n", r.IntN(6000)) + body
	case 2:
		return head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	case 3:
		return head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n0\r\nTrailer: t\r\n\r\n", r.IntN(6000), body)
	default:
		return head + "\r\n"
	}
}

func oneOf(random *rand.Rand, choices ...string) string { return choices[random.IntN(len(choices))] }
