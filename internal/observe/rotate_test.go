package observe

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// wall is a clock that a test moves.
type wall struct {
	mu sync.Mutex
	t  time.Time
}

func (w *wall) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.t
}

func (w *wall) add(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = w.t.Add(d)
}

// rotated opens a file in a new folder that rotates as r says. The errors that it reports fail the test.
func rotated(t *testing.T, r Rotation) (*File, *wall) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed")
	}
	clock := &wall{t: time.Date(2026, time.March, 1, 11, 59, 0, 0, time.UTC)}
	r.now = clock.now
	if r.Report == nil {
		r.Report = func(err error) { t.Error(err) }
	}
	f, err := OpenRotated(filepath.Join(t.TempDir(), "access.log"), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, clock
}

// folderOf returns the files beside a log, with what they hold.
func folderOf(t *testing.T, f *File) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(f.Path()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		in, err := os.Open(filepath.Join(filepath.Dir(f.Path()), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		var r io.Reader = in
		if strings.HasSuffix(e.Name(), ".gz") {
			if r, err = gzip.NewReader(in); err != nil {
				t.Fatal(err)
			}
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = in.Close()
		all = append(all, fmt.Sprintf("%s %q", e.Name(), text))
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", e.Name(), info.Mode(), err)
		}
	}
	return all
}

// checkFolder compares the folder of a log when its goroutine has nothing more to do.
func checkFolder(t *testing.T, f *File, want ...string) {
	t.Helper()
	f.rotation.workers.Wait()
	if got := folderOf(t, f); !slices.Equal(got, want) {
		t.Errorf("files\n got %q\nwant %q", got, want)
	}
}

func TestRotationBySize(t *testing.T) {
	f, clock := rotated(t, Rotation{Size: 10})
	write(t, f, "12345678901234\n") // one write is never split
	write(t, f, "a\n")
	write(t, f, "b\n")
	clock.add(time.Second)
	write(t, f, "12345678\n")
	checkFolder(t, f, `access.log "12345678\n"`, `access.log.20260301-115900 "12345678901234\n"`, `access.log.20260301-115901 "a\nb\n"`)
}

func TestRotationTwiceInASecond(t *testing.T) {
	f, _ := rotated(t, Rotation{Size: 2, Compress: true, Keep: 2})
	for _, line := range []string{"a\n", "b\n", "c\n", "d\n"} {
		write(t, f, line)
		f.rotation.workers.Wait()
	}
	checkFolder(t, f, `access.log "d\n"`, `access.log.20260301-115900-01.gz "b\n"`, `access.log.20260301-115900-02.gz "c\n"`)
}

// The age of a file is that of its last line, so that a new start of the server does not make it younger.
func TestRotationByAge(t *testing.T) {
	f, clock := rotated(t, Rotation{Age: time.Hour})
	last := func(line string) {
		write(t, f, line)
		if err := os.Chtimes(f.Path(), clock.now(), clock.now()); err != nil {
			t.Fatal(err)
		}
	}
	clock.add(-30 * time.Minute)
	last("11:29\n")
	clock.add(30 * time.Minute)
	last("11:59\n")
	clock.add(time.Minute)
	last("12:00\n")
	clock.add(30 * time.Hour)
	last("18:00\n")
	checkFolder(t, f, `access.log "18:00\n"`, `access.log.20260301-120000 "11:29\n11:59\n"`, `access.log.20260302-180000 "12:00\n"`)
}

func TestRotationAtLocalMidnight(t *testing.T) {
	_, offset := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.Local).Zone()
	midnight := time.Date(2026, time.March, 1, 0, 0, 0, 0, time.FixedZone("", offset))
	if period(midnight.Add(-time.Second), 24*time.Hour) == period(midnight, 24*time.Hour) || period(midnight, 24*time.Hour) != period(midnight.Add(23*time.Hour), 24*time.Hour) {
		t.Error("a day does not begin at midnight")
	}
}

func TestRotationKeepsAndCompresses(t *testing.T) {
	f, clock := rotated(t, Rotation{Size: 1, Keep: 2, Compress: true})
	dir := filepath.Dir(f.Path())
	others := []string{"access.log.1", "access.log.20260301", "access.log.20260301-115900x", "other.log.20260101-000000", "access.log.20260101-999999"}
	for _, name := range others {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		write(t, f, fmt.Sprintf("%d\n", i))
		clock.add(time.Second)
		f.rotation.workers.Wait()
	}
	checkFolder(t, f, `access.log "4\n"`, `access.log.1 ""`, `access.log.20260101-999999 ""`, `access.log.20260301 ""`,
		`access.log.20260301-115900x ""`, `access.log.20260301-115903.gz "2\n"`, `access.log.20260301-115904.gz "3\n"`, `other.log.20260101-000000 ""`)
}

// What a process has left undone is done by the next one.
func TestRotationGoesOnAfterTheEnd(t *testing.T) {
	f, _ := rotated(t, Rotation{Size: 1})
	write(t, f, "a\n")
	write(t, f, "b\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := OpenRotated(f.Path(), Rotation{Size: 1 << 20, Compress: true})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	checkFolder(t, g, `access.log "b\n"`, `access.log.20260301-115900.gz "a\n"`)
}

// Two processes have the same log, as while one takes over from the other: the one sees that the other has rotated.
func TestRotationByTwoProcesses(t *testing.T) {
	f, clock := rotated(t, Rotation{Size: 4})
	g, err := OpenRotated(f.Path(), Rotation{Size: 4, now: clock.now, Report: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	write(t, f, "f1\n")
	write(t, g, "g1\n")
	write(t, f, "\n")
	clock.add(time.Second)
	write(t, f, "f2\n")
	write(t, g, "g2\n")
	checkFolder(t, f, `access.log "f2\ng2\n"`, `access.log.20260301-115900 "f1\n"`, `access.log.20260301-115901 "g1\n\n"`)
}

// Another program may rotate the file as well, and Reopen is not needed then.
func TestRotationByAnotherProgram(t *testing.T) {
	f, _ := rotated(t, Rotation{Size: 1000})
	write(t, f, "1\n")
	if err := os.Rename(f.Path(), f.Path()+".1"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2\n")
	checkFolder(t, f, `access.log "2\n"`, `access.log.1 "1\n"`)
}

// A rotation that fails is told once, and the log goes on in the old file.
func TestRotationFails(t *testing.T) {
	var mu sync.Mutex
	var reports []error
	f, clock := rotated(t, Rotation{Size: 1, Report: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, err)
	}})
	write(t, f, "1\n")
	for n := range 100 {
		name := f.Path() + ".20260301-115900"
		if n > 0 {
			name = fmt.Sprintf("%s-%02d", name, n)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(t, f, "2\n")
	write(t, f, "3\n")
	checkContent(t, f.Path(), "1\n2\n3\n")
	if len(reports) != 1 {
		t.Errorf("reports %q", reports)
	}
	clock.add(retryAfter)
	write(t, f, "4\n")
	checkContent(t, f.Path(), "4\n")
}

// Close ends a compression, and leaves the file for the next time.
func TestRotationStops(t *testing.T) {
	f, _ := rotated(t, Rotation{Size: 1, Compress: true})
	f.rotation.workers.Wait() // what it looks for at first
	path := f.Path() + ".20260101-000000"
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.rotation.compress(path); !errors.Is(err, errStopped) {
		t.Errorf("after the end: %v", err)
	}
	checkFolder(t, f, `access.log ""`, `access.log.20260101-000000 "a\n"`)
}
