package highball_test

import (
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain fails when the tests leave a goroutine or a descriptor behind.
func TestMain(m *testing.M) {
	if os.Getenv(starvedServer) != "" {
		serveStarved()
		return
	}
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil { // the runtime opens its poller with the first socket
		_ = l.Close()
	}
	before := descriptors()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		// The system may still be closing what the last test has closed.
		after := descriptors()
		for range 100 {
			if after <= before {
				break
			}
			time.Sleep(10 * time.Millisecond)
			after = descriptors()
		}
		if after > before {
			fmt.Fprintf(os.Stderr, "%d descriptors were open before the tests and %d are after\n", before, after)
			code = 1
		}
	}
	os.Exit(code)
}

// descriptors returns the number of open descriptors, where the system tells.
func descriptors() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}
