package observe

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	gzipEnding = ".gz"
	partEnding = ".part" // of a compressed file that is being made
)

// errStopped is why a compression was given up.
var errStopped = errors.New("the log was closed")

// tidyOnce removes the oldest of too many rotated files, and compresses the others.
func (r *rotator) tidyOnce(path string) error {
	names, err := rotatedFiles(path)
	if err != nil {
		return err
	}
	var errs []error
	if r.Keep > 0 {
		for len(names) > r.Keep {
			errs = append(errs, remove(names[0]))
			names = names[1:]
		}
	}
	for _, name := range names {
		if !r.Compress || strings.HasSuffix(name, gzipEnding) {
			continue
		}
		if err := r.compress(name); err != nil && !errors.Is(err, errStopped) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) { // another process may be at the same
		return err
	}
	return nil
}

// rotatedFiles returns the paths of the rotated files of the log at path, the oldest first. Files that are called otherwise are somebody else's.
func rotatedFiles(path string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		ending, ours := strings.CutPrefix(e.Name(), filepath.Base(path)+".")
		if ours && e.Type().IsRegular() && isRotated(strings.TrimSuffix(ending, gzipEnding)) {
			names = append(names, filepath.Join(filepath.Dir(path), e.Name()))
		}
	}
	// The ending must not count: ".gz" would come before "-01".
	slices.SortFunc(names, func(a, b string) int {
		return strings.Compare(strings.TrimSuffix(a, gzipEnding), strings.TrimSuffix(b, gzipEnding))
	})
	return names, nil
}

// isRotated tells the endings of rotated files: a time, and perhaps a number of two digits.
func isRotated(ending string) bool {
	at, number := ending[:min(len(ending), len(rotationTime))], ending[min(len(ending), len(rotationTime)):]
	if _, err := time.Parse(rotationTime, at); err != nil {
		return false
	}
	return number == "" || len(number) == 3 && number[0] == '-' && strings.Trim(number[1:], "0123456789") == ""
}

// compress puts a compressed file in the place of one.
func (r *rotator) compress(name string) (err error) {
	in, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close()
	part := name + gzipEnding + partEnding
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // another process is at it, or has died of it
		if info, stat := os.Stat(part); stat != nil || r.now().Sub(info.ModTime()) < time.Hour {
			return nil
		}
		out, err = os.OpenFile(part, os.O_WRONLY|os.O_TRUNC, 0o600)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(part)
		}
	}()
	err = r.deflate(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Rename(part, name+gzipEnding); err != nil {
		return err
	}
	return remove(name)
}

// deflate compresses in, to its end as it is when all before was read: a line may come late, from a process that has not yet seen the rotation. Speed
// goes before size, since the processor is the server's.
func (r *rotator) deflate(out *os.File, in io.Reader) error {
	z, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := io.Copy(z, stoppable{in, r.stop}); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return out.Sync()
}

// stoppable is a reader that fails when a channel is closed.
type stoppable struct {
	io.Reader
	stop <-chan struct{}
}

func (s stoppable) Read(p []byte) (int, error) {
	select {
	case <-s.stop:
		return 0, errStopped
	default:
		return s.Reader.Read(p)
	}
}
