package static

import (
	"os"
	"testing"
)

func TestIsLocal(t *testing.T) {
	for path, want := range map[string]bool{"/dev/shm": true, "/proc/self/status": false} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := isLocal(f.Fd()); got != want {
			t.Errorf("%s: %v", path, got)
		}
		_ = f.Close()
		if isLocal(^uintptr(0)) {
			t.Error("no file is local")
		}
	}
}
