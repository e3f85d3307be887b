//go:build unix

package gateway

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	leaveNothing(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	replace := func(name, text string) {
		t.Helper()
		write(name+"~", text)
		if err := os.Rename(at(name+"~"), at(name)); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.py", "1")
	write("cart.py", "1")
	write("notes.txt", "1")

	hands := newFakeClock()
	changes := make(chan []string, 10)
	w, err := newWatcher(hands.clock(), func(files []string) { changes <- files })
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.set([]string{at("shop.py"), at("cart.py"), at("later.py"), filepath.Join(dir, "nowhere", "x.py")})

	want := func(files ...string) {
		t.Helper()
		for i, f := range files {
			files[i] = at(f)
		}
		if got := nextChange(hands, changes); !slices.Equal(got, files) {
			t.Errorf("changed: %q, want %q", got, files)
		}
	}
	write("notes.txt", "a file that was not imported comes first, and is passed over")
	write("shop.py", "22")
	want("shop.py")
	replace("shop.py", "333")
	want("shop.py")
	write("later.py", "1")
	want("later.py")
	if err := os.Remove(at("later.py")); err != nil {
		t.Fatal(err)
	}
	want("later.py")
	if err := os.Chtimes(at("cart.py"), time.Time{}, time.Unix(1e9, 0)); err != nil {
		t.Fatal(err)
	}
	want("cart.py")

	// What was changed and changed back is as it was: the next change is the one after it.
	old, err := os.Stat(at("cart.py"))
	if err != nil {
		t.Fatal(err)
	}
	write("cart.py", "22")
	write("cart.py", "1")
	if err := os.Chtimes(at("cart.py"), time.Time{}, old.ModTime()); err != nil {
		t.Fatal(err)
	}

	w.set([]string{at("cart.py")})
	write("shop.py", "4444")
	write("cart.py", "333")
	want("cart.py")
}

// nextChange lets time pass until something has changed. One change may show in several events, and the later ones in
// none.
func nextChange(hands *fakeClock, changes <-chan []string) []string {
	for {
		hands.await(settling)
		hands.advance(settling)
		select {
		case got := <-changes:
			return got
		default:
		}
	}
}

// A change that comes while the list of files is being renewed is not lost.
func TestWatchDuringSet(t *testing.T) {
	leaveNothing(t)
	name := filepath.Join(t.TempDir(), "shop.py")
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	hands := newFakeClock()
	changes := make(chan []string, 10)
	w, err := newWatcher(hands.clock(), func(files []string) { changes <- files })
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.set([]string{name})
	if err := os.WriteFile(name, []byte("22"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.set([]string{name})
	if got := nextChange(hands, changes); !slices.Equal(got, []string{name}) {
		t.Errorf("changed: %q", got)
	}
}
