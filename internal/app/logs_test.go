package app

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"highball/internal/servertest"
)

// wrote waits until a file holds a text.
func wrote(t *testing.T, name, want string) {
	t.Helper()
	servertest.Eventually(t, want+" in "+name, func() bool {
		text, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(text), want)
	})
}

// A reload changes what the logs say, of which requests, and where to. Lines from before are written as they were to be.
func TestReloadChangesTheLogs(t *testing.T) {
	s := serveText(t, freePort+"[log]\naccess_file = \"a.log\"\nstats_file = \"first.log\"\n"+saysOne)
	// A request is told of when its answer has left; the client may have it before.
	get := func(target string) {
		s.get(s.addr, target)
		servertest.Eventually(t, "the connection to be closed", func() bool { return s.server.InFlight() == 0 })
	}
	get("/first?token=t&sid=1")
	s.becomes(freePort + "[log]\naccess_file = \"a.log\"\naccess = \"{status} {target} {route}\"\nsample = 0\nmask_query = [\"sid\"]\nstats_file = \"s.log\"\nslow = \"1ns\"\nslow_file = \"slow.log\"\n" + saysOne)
	get("/left-out")
	s.becomes(freePort + "[log]\naccess_file = \"a.log\"\naccess = \"{status} {target} {route}\"\nmask_query = [\"sid\"]\nstats_file = \"s.log\"\nslow = \"1ns\"\nslow_file = \"slow.log\"\n" + saysOne)
	get("/second?token=t&sid=1")
	wrote(t, "a.log", "200 /second?token=t&sid=*** /\n")
	wrote(t, "slow.log", `"target":"/second?token=t&sid=***"`)
	wrote(t, "s.log", `"requests":1,`)
	s.becomes(freePort + "[log]\naccess = \"off\"\nslow = \"off\"\n" + saysTwo)
	get("/off")
	s.becomes(freePort + "log.access_file = \"b.log\"\n" + saysOne)
	get("/third")
	wrote(t, "b.log", "/third")
	text := contents(t, "a.log")
	if lines := strings.Split(text, "\n"); len(lines) != 3 || !strings.Contains(lines[0], `"GET /first?token=***&sid=1 HTTP/1.1" 200`) {
		t.Errorf("a.log holds\n%s", text)
	}
	if all := text + contents(t, "b.log") + contents(t, "slow.log") + s.stdout.String(); strings.Contains(all, "/off") {
		t.Errorf("the logs have what nobody wanted:\n%s", all)
	}
}

// Connections are told of from the start, or not at all.
func TestReloadCannotBeginStatistics(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	write(t, FileName, freePort+"log.stats_file = \"s.log\"\n"+saysTwo)
	notices, err := s.Reload(t.Context(), ReloadConfiguration)
	if err != nil || len(notices) != 1 || !strings.Contains(notices[0], "stats_file in [log] takes effect when") {
		t.Errorf("notices %q, error %v", notices, err)
	}
}

// What cannot be changes nothing, and leaves no file open.
func TestReloadRefusesLogs(t *testing.T) {
	s := serveText(t, freePort+"log.access_file = \"a.log\"\n"+saysOne)
	s.get(s.addr, "/")
	servertest.Eventually(t, "the connection to be closed", func() bool { return s.server.InFlight() == 0 })
	before := descriptors(t)
	for text, want := range map[string]string{
		"log.access = \"{status} {methd}\"\n":                                                     `highball.toml:2:14: access log: template, character 10: unknown name {methd}; did you mean {method}?`,
		"[log]\naccess_file = \"b.log\"\nstats_file = \"c.log\"\nslow_file = \"gone/slow.log\"\n": "slow log: open",
		"[log]\nstats_file = \"gone/s.log\"\n":                                                    "statistics log: open",
	} {
		if err := s.refuses(freePort + text + saysTwo); !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	s.get(s.addr, "/still")
	wrote(t, "a.log", "/still")
}

// The statistics log has a line for each connection that is closed, with the phases of its requests.
func TestStatisticsLog(t *testing.T) {
	s := serveText(t, freePort+"log.stats_file = \"s.log\"\n"+saysOne)
	c := s.dial(t)
	for range 3 {
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		c.answer("GET")
	}
	peer := c.LocalAddr().String()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	wrote(t, "s.log", "\n")
	var line struct {
		ID                       uint64
		Peer, Local, By, Why     string
		Opened, Closed           time.Time
		Requests, Received, Sent int
		Phases                   map[string]float64
		Each                     []struct {
			Number, Status int
			Phases         map[string]float64
		}
	}
	text := contents(t, "s.log")
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if line.Peer != peer || line.Local != s.addr || line.By != "client" || line.Why == "" || line.Requests != 3 || len(line.Each) != 3 || line.Received == 0 || line.Sent == 0 || line.Closed.Before(line.Opened) {
		t.Errorf("line %s", text)
	}
	for i, one := range line.Each {
		if one.Number != i+1 || one.Status != 200 || one.Phases == nil {
			t.Errorf("request %d: %+v", i, one)
		}
	}
}

// Without a file of their own, slow requests are told in the server's log.
func TestSlowRequestsInTheLog(t *testing.T) {
	s := serveText(t, freePort+"log.slow = \"1ns\"\n"+saysOne)
	s.get(s.addr, "/slow?password=p")
	servertest.Eventually(t, "a record", func() bool { return strings.Contains(s.stderr.String(), `msg="slow request"`) })
	if got := s.stderr.String(); !strings.Contains(got, "target=\"/slow?password=***\"") || !strings.Contains(got, "method=GET") || !strings.Contains(got, "app=") {
		t.Errorf("the log says\n%s", got)
	}
}

func TestAccessLogToSyslog(t *testing.T) {
	t.Chdir(t.TempDir())
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := serveHere(t, freePort+"log.access_syslog = \"udp:"+c.LocalAddr().String()+"\"\n"+saysOne)
	s.get(s.addr, "/to-syslog")
	message := make([]byte, 4096)
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, _, err := c.ReadFrom(message)
	if err != nil || !strings.Contains(string(message[:n]), ` access - 127.0.0.1 - - [`) || !strings.HasSuffix(string(message[:n]), `"GET /to-syslog HTTP/1.1" 200 3`) {
		t.Errorf("message %q, error %v", message[:n], err)
	}
	if s.stdout.String() != "" {
		t.Errorf("stdout %q", s.stdout)
	}
}

// A log file that is full by a rule of its own is begun anew while the server serves, and no line is lost.
func TestLogsRotate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed")
	}
	s := serveText(t, freePort+"[log]\naccess_file = \"a.log\"\nrotate = { size = 300, compress = false }\n"+saysOne)
	paths := []string{"/1", "/2", "/3", "/4", "/5", "/6"}
	for _, path := range paths {
		s.get(s.addr, path)
		s.logs.flush()
	}
	var all string
	var names []string
	servertest.Eventually(t, "all lines", func() bool {
		all = ""
		names, _ = filepath.Glob("a.log*") // the pattern is good
		for _, name := range names {
			all += contents(t, name)
		}
		return strings.Count(all, "\n") >= len(paths)
	})
	if len(names) < 2 {
		t.Errorf("files %q", names)
	}
	for _, path := range paths {
		if strings.Count(all, " "+path+" ") != 1 {
			t.Errorf("the line of %s is not there once:\n%s", path, all)
		}
	}
}

var errNotMounted = errors.New("no volume can be mounted here")

// A log volume that is full costs lines, which are counted and told. Requests are answered, and lines are written again when there is room.
func TestFullLogVolume(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("log", 0o755); err != nil {
		t.Fatal(err)
	}
	unmount, err := mountSmall("log")
	if errors.Is(err, errNotMounted) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(unmount) // after the server's end
	s := serveHere(t, freePort+"[log]\naccess_file = \"log/a.log\"\nstats_file = \"log/s.log\"\nslow = \"1ns\"\nslow_file = \"log/slow.log\"\n"+saysOne)
	s.get(s.addr, "/before")
	wrote(t, "log/a.log", "/before")

	filler, err := os.Create("log/filler")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(filler, io.LimitReader(zeros{}, 2<<20))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the volume is not full: %v", err)
	}
	_ = filler.Close()
	long := "/" + strings.Repeat("x", 2000)
	for i := range 50 {
		if got := s.get(s.addr, long); got != "one" {
			t.Fatalf("answer %d is %q", i, got)
		}
	}
	servertest.Eventually(t, "lost lines", func() bool {
		got := s.stderr.String()
		return s.logs.access.Lost() > 0 && strings.Contains(got, "access log lines were lost") && strings.Contains(got, syscall.ENOSPC.Error()) &&
			s.logs.stats.Lost() > 0 && strings.Contains(got, "slow log lines were lost")
	})
	if err := os.Remove("log/filler"); err != nil {
		t.Fatal(err)
	}
	s.get(s.addr, "/after")
	wrote(t, "log/a.log", "/after")
	wrote(t, "log/slow.log", "/after")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
