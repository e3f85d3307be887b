package highball_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"highball"
	"highball/internal/servertest"
)

// starvedServer is set in the environment of a copy of the test binary that is to be serveStarved.
const starvedServer = "HIGHBALL_TEST_STARVED"

// serveStarved serves with few descriptors, tells its address, and ends with its standard input.
func serveStarved() {
	limit := unix.Rlimit{Cur: 40, Max: 40}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		panic(err)
	}
	srv := &highball.Server{Handler: text("served"), Loops: 2}
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(addr)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until its end
		_ = srv.Close()
	}()
	_ = srv.Run()
}

// A server without descriptors goes on serving whom it has, neither dies nor spins, and recovers by itself.
func TestDescriptorsRunOut(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), starvedServer+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	addr, err := net.ResolveTCPAddr("tcp", strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.Server{Addr: addr}
	first := s.Dial(t)
	first.Get("/")
	var crowd []*servertest.Client
	for range 200 {
		crowd = append(crowd, s.Dial(t))
	}
	refused := 0
	for _, c := range crowd {
		c.Patience = time.Millisecond
		if got, err := c.TryReceive("GET"); err == nil && got.Status == 503 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nobody was told that there is no room")
	}
	first.WantOpen("/")
	for _, c := range crowd {
		c.Close()
	}
	// The loop may be in the middle of refusing when the crowd leaves.
	servertest.Eventually(t, "a client is served again", func() bool {
		c := s.Dial(t)
		defer c.Close()
		return c.Get("/").Body == "served"
	})
	if err := stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); cpu > time.Second {
		t.Errorf("it took %v of processor time", cpu)
	}
}
