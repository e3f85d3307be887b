package observe

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func openFile(t *testing.T, path string) *File {
	t.Helper()
	f, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return f
}

func write(t *testing.T, f *File, text string) {
	t.Helper()
	if n, err := f.Write([]byte(text)); n != len(text) || err != nil {
		t.Fatalf("wrote %d bytes of %q: %v", n, text, err)
	}
}

func checkContent(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", filepath.Base(path), got, err, want)
	}
}

func TestFileIsPrivateAndAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	for range 2 {
		f := openFile(t, path)
		write(t, f, "line\n")
		f.Close()
	}
	checkContent(t, path, "line\nline\n")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestFileReopenAfterRename(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	f := openFile(t, "access.log")
	t.Chdir(t.TempDir()) // a server may change its folder

	path, rotated := filepath.Join(dir, "access.log"), filepath.Join(dir, "access.log.1")
	write(t, f, "1\n")
	if err := os.Rename(path, rotated); err != nil {
		t.Fatal(err)
	}
	write(t, f, "2\n")
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(t, f, "3\n")
	checkContent(t, rotated, "1\n2\n")
	checkContent(t, path, "3\n")
}

func TestFileReopenFailureKeepsTheOldFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the folder of an open file cannot be renamed")
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := openFile(t, filepath.Join(dir, "access.log"))
	write(t, f, "1\n")
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("reopen without the folder: %v", err)
	}
	write(t, f, "2\n")
	checkContent(t, filepath.Join(dir+".old", "access.log"), "1\n2\n")
}

func TestFileErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenFile(filepath.Join(dir, "none", "access.log")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
	if _, err := OpenFile(dir); err == nil {
		t.Error("a folder was opened as a log file")
	}
	f := openFile(t, filepath.Join(dir, "access.log"))
	f.Close()
	if _, err := f.Write([]byte("1\n")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("write after close: %v", err)
	}
	if err := f.Reopen(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("reopen after close: %v", err)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("close after close: %v", err)
	}
}

// tearing is a File whose next write stops after three bytes, as on a full
// disk.
type tearing struct {
	*File
	armed bool
}

func (f *tearing) Write(p []byte) (int, error) {
	if !f.armed {
		return f.File.Write(p)
	}
	f.armed = false
	n, _ := f.File.Write(p[:3])
	return n, errors.New("no space left on device")
}

func TestTornLineIsEndedUnlessTheFileIsNew(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be renamed")
	}
	path := filepath.Join(t.TempDir(), "access.log")
	f := &tearing{File: openFile(t, path)}
	log := NewAccessLog(f, Common, 1, nil)
	appendLine := func(n int) {
		log.Shard(0).Append(numbered(n))
		log.Flush()
	}
	f.armed = true
	appendLine(1)
	appendLine(2)
	f.armed = true
	appendLine(3)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	appendLine(4)
	log.Close()

	first, _ := os.ReadFile(path + ".1")
	checkTargets(t, string(first), "192", "2", "192")
	second, _ := os.ReadFile(path)
	checkTargets(t, string(second), "4")
}
