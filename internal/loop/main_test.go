package loop

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds every wait of a test: whoever is stuck fails instead of hanging.
const patience = 20 * time.Second

// TestMain fails the package's tests if they leave goroutines or descriptors behind.
func TestMain(m *testing.M) {
	warmUp()
	before := descriptors()
	code := m.Run()
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	if after := descriptors(); after > before {
		fmt.Fprintf(os.Stderr, "descriptors before the tests: %d, after: %d\n", before, after)
		code = max(code, 1)
	}
	os.Exit(code)
}

// warmUp has the runtime open the descriptors that it keeps for itself.
func warmUp() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	if err := l.Close(); err != nil {
		panic(err)
	}
}

// descriptors returns the number of open descriptors, or 0 where that cannot be told.
func descriptors() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// within fails the test if what c announces does not happen in time.
func within[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: not within %v", what, patience)
		panic("unreachable")
	}
}
