package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"syscall"
	"time"
)

const (
	attackers     = 1000
	attackSeconds = 10
	calmTime      = 4 * time.Second // how long the client is measured before and after an attack
	pace          = 10 * time.Millisecond

	mostSlower  = 2                    // times the p99 without an attack
	noiseFloor  = 2 * time.Millisecond // a p99 below it is never too slow
	memoryEach  = 64 << 10             // bytes that an attacker may cost
	mostlyThere = attackers * 9 / 10   // so many must have been connected for the attack to count
)

// attack is one of slowhttptest's.
type attack struct {
	name, says string
	path       string
	args       []string
}

// attacks are all of the three. The slow bodies are an upload, which reads them; the slow readers want a large file.
func attacks() []attack {
	return []attack{
		{"slowloris-heads", "slow heads (-H)", "/small.html", []string{"-H", "-t", "GET", "-x", "24"}},
		{"slowloris-bodies", "slow bodies (-B)", "/upload.bin", []string{"-B", "-t", "PUT", "-s", "65536", "-x", "64"}},
		{"slowloris-readers", "slow readers (-X)", "/large.bin", []string{"-X", "-w", "256", "-y", "1024", "-n", "1", "-z", "64"}},
	}
}

// showSlowloris compares how fast one client is served before, during and after an attack.
func (a attack) showSlowloris(ctx context.Context, p *proof) ([]claim, error) {
	if _, err := exec.LookPath("slowhttptest"); err != nil {
		return nil, fmt.Errorf("%w; install it by: apt-get install slowhttptest", err)
	}
	root, err := os.MkdirTemp(p.work, "docs-")
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(root, "small.html"), bytes.Repeat([]byte("x"), 1<<10), 0o644),
		os.WriteFile(filepath.Join(root, "large.bin"), bytes.Repeat([]byte("y"), 32<<20), 0o644),
	)
	if err != nil {
		return nil, err
	}
	mix, err := separate(ctx, servedCore)
	if err != nil {
		return nil, err
	}
	defer mix()
	// Other work on the machine may fall into one phase and not into the other, so the verdict is that of two runs of three.
	var runs []claim
	verdicts := map[bool]int{}
	for verdicts[true] < 2 && verdicts[false] < 2 {
		c, err := p.bear(ctx, a, root)
		if err != nil {
			return nil, err
		}
		runs = append(runs, c)
		verdicts[c.holds]++
	}
	summary := claim{says: runs[0].says, holds: verdicts[true] == 2}
	for n, c := range runs {
		summary.measured += fmt.Sprintf("run %d: %s. ", n+1, c.measured)
	}
	return []claim{summary}, nil
}

// bear measures a client of a fresh server around one attack.
func (p *proof) bear(ctx context.Context, a attack, root string) (claim, error) {
	srv, err := p.startServer(ctx, append(onCore(servedCore), p.highball, root, "--upload")...)
	if err != nil {
		return claim{}, err
	}
	defer srv.kill()
	v, err := visit(ctx, srv.address, "/small.html")
	if err != nil {
		return claim{}, err
	}
	defer v.conn.Close()

	calm, err := v.measure(after(calmTime))
	if err != nil {
		return claim{}, fmt.Errorf("before the attack: %w", err)
	}
	before, err := srv.memory()
	if err != nil {
		return claim{}, err
	}
	used, err := srv.cpu()
	if err != nil {
		return claim{}, err
	}
	w := &watch{srv: srv}
	began := time.Now()
	during, err := v.during(ctx, a, w)
	if err != nil {
		return claim{}, err
	}
	share := float64(w.cpu-used) / float64(time.Since(began))
	settled, err := v.measure(after(calmTime))
	if err != nil {
		return claim{}, fmt.Errorf("after the attack: %w", err)
	}
	without, with := p99(append(calm, settled...)), p99(during)
	grown := w.memory - before
	return claim{
		says: fmt.Sprintf("%d %s: another client's p99 at most doubles (or is below %s), memory grows by at most %d KiB each",
			attackers, a.says, noiseFloor, memoryEach>>10),
		measured: fmt.Sprintf("p99 before %s, during %s (%d requests), after %s; before and after together %s; up to %d descriptors; "+
			"RSS %.1f MiB + %.1f MiB; %.1f %% of a core", ms(p99(calm)), ms(with), len(during), ms(p99(settled)), ms(without), w.connections,
			mib(before), mib(grown), share*100),
		holds: with <= max(mostSlower*without, noiseFloor) && grown <= attackers*memoryEach && w.connections >= mostlyThere,
	}, srv.stop()
}

// during measures while slowhttptest runs.
func (v *visitor) during(ctx context.Context, a attack, w *watch) ([]time.Duration, error) {
	args := append(onCore(attackCore), "slowhttptest")
	args = append(args, a.args...)
	args = append(args, "-c", strconv.Itoa(attackers), "-r", "200", "-i", "1", "-l", strconv.Itoa(attackSeconds),
		"-p", "3", "-u", "http://"+v.address+a.path)
	ctx, cancel := context.WithTimeout(ctx, (attackSeconds+15)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var ended error
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		ended = cmd.Wait()
	}()
	took, err := v.measureWith(exited, w.look)
	if err != nil {
		cancel()
		<-exited
		return nil, fmt.Errorf("under attack: %w", err)
	}
	<-exited
	if ctx.Err() != nil {
		return nil, fmt.Errorf("slowhttptest does not end: %w", ctx.Err())
	}
	if ended != nil {
		return nil, fmt.Errorf("slowhttptest: %w: %s", ended, lastLine(printed.Bytes()))
	}
	return took, nil
}

// watch keeps the most that a server was seen to take.
type watch struct {
	srv         *server
	connections int
	memory      int64
	cpu         time.Duration
}

func (w *watch) look() error {
	open, err := w.srv.descriptors()
	if err != nil {
		return err
	}
	memory, err := w.srv.memory()
	if err != nil {
		return err
	}
	w.connections, w.memory = max(w.connections, open), max(w.memory, memory)
	w.cpu, err = w.srv.cpu()
	return err
}

// visitor is a client with one connection that asks for a document again and again, at a moderate pace.
type visitor struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	request []byte

	lenient bool // take 503 for an answer
	refused int  // answers of 503
}

// visit connects.
func visit(ctx context.Context, address, path string) (*visitor, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	return &visitor{address: address, conn: conn, in: bufio.NewReader(conn), request: request}, nil
}

// ask makes one request and returns how long the answer took.
func (v *visitor) ask() (time.Duration, error) {
	began := time.Now()
	if err := v.conn.SetDeadline(began.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	if _, err := v.conn.Write(v.request); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return 0, err
	}
	if _, err := bytesOf(response); err != nil {
		return 0, err
	}
	switch {
	case response.StatusCode == http.StatusServiceUnavailable && v.lenient:
		v.refused++
	case response.StatusCode != http.StatusOK:
		return 0, errors.New(response.Status)
	}
	return time.Since(began), nil
}

// measure asks at the visitor's pace until end, and returns how long each answer took.
func (v *visitor) measure(end <-chan struct{}) ([]time.Duration, error) {
	return v.measureWith(end, func() error { return nil })
}

// measureWith is measure that calls between between requests, a few times per second.
func (v *visitor) measureWith(end <-chan struct{}, between func() error) ([]time.Duration, error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var took []time.Duration
	for {
		select {
		case <-end:
			return took, nil
		case <-tick.C:
		}
		d, err := v.ask()
		if err != nil {
			return nil, err
		}
		took = append(took, d)
		if len(took)%20 == 0 {
			if err := between(); err != nil {
				return nil, err
			}
		}
	}
}

// after returns a channel that is closed after a time.
func after(d time.Duration) <-chan struct{} {
	end := make(chan struct{})
	time.AfterFunc(d, func() { close(end) })
	return end
}

// p99 returns the time that 99 of 100 answers took at most; 0 when there were none.
func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(took))
	return sorted[(len(sorted)*99+99)/100-1]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d)/1e6) }

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// colours finds what slowhttptest does to terminals.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// lastLine returns the last line of a program's output.
func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(colours.ReplaceAll(text, nil))
	return text[bytes.LastIndexByte(text, '\n')+1:]
}
