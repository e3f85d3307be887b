package static

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"

	"highball"
)

// stagedPrefix begins the names of files that are not complete yet. They are hidden, whatever Config.Hidden says.
const stagedPrefix = ".highball-upload-"

// errBody marks failures to read a request's body.
var errBody = errors.New("static: the body could not be read")

// upload is one request that stores files in one folder.
type upload struct {
	dir       *os.Root
	body      *limited
	overwrite bool
	staged    []staged
}

// staged is a file that has all of its content, but not its name.
type staged struct {
	temporary string // "" once it was published
	name      string
}

// begin opens the folder for an upload. Reading the body may take longer than answers are given time for; the
// server's minimum rate bounds it still.
func (s *Site) begin(folder string, r *highball.Request) (*upload, error) {
	dir, err := s.tree.folder(folder)
	if err != nil {
		return nil, err
	}
	r.ExtendDeadline(-1)
	return &upload{
		dir:       dir,
		body:      &limited{body: r.Body(), left: s.cfg.UploadLimit, bounded: s.cfg.UploadLimit > 0},
		overwrite: s.cfg.UploadOverwrite,
	}, nil
}

// close removes what was not published, and closes the folder.
func (u *upload) close() {
	for _, f := range u.staged {
		if f.temporary != "" {
			// Nobody else knows the name; there is nothing to be done about a failure.
			_ = u.dir.Remove(f.temporary)
		}
	}
	u.dir.Close()
}

// stage writes the content of a file that is to be called name.
func (u *upload) stage(name string, content io.Reader) error {
	if _, err := u.dir.Lstat(name); err == nil && !u.overwrite {
		return fs.ErrExist // publish would find out, but after all of the body
	}
	temporary := stagedPrefix + rand.Text()
	f, err := u.dir.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	u.staged = append(u.staged, staged{temporary, name})
	_, err = io.Copy(f, content)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return u.bodyError(err)
}

// bodyError tells apart what went wrong with the body, with its form, and with the file. It passes nil through.
func (u *upload) bodyError(err error) error {
	switch {
	case err == nil:
		return nil
	case u.body.err != nil:
		return u.body.err
	case errors.As(err, new(*fs.PathError)):
		return err
	}
	return &highball.Error{Status: http.StatusBadRequest, Err: err}
}

// publish gives every staged file its name and returns how many of them are new. When one cannot have its name the
// new ones before it are taken back.
func (u *upload) publish() (created int, err error) {
	var fresh []string
	for i := range u.staged {
		f := &u.staged[i]
		linked, err := u.publishFile(f)
		if err != nil {
			for _, name := range fresh {
				_ = u.dir.Remove(name) // it was not there before this request
			}
			return 0, err
		}
		f.temporary = ""
		if linked {
			fresh = append(fresh, f.name)
		}
	}
	return len(fresh), nil
}

// publishFile gives one staged file its name, in one step. A name that is taken stays with its file unless this
// upload may overwrite; linked tells that it was free.
func (u *upload) publishFile(f *staged) (linked bool, err error) {
	err = u.dir.Link(f.temporary, f.name)
	switch {
	case err == nil:
		_ = u.dir.Remove(f.temporary) // the file is there under its name; what remains is hidden
		return true, nil
	case !errors.Is(err, fs.ErrExist):
		// A file system without hard links: an empty file takes the name first.
		taken, err := u.dir.OpenFile(f.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err == nil {
			taken.Close()
			return true, u.dir.Rename(f.temporary, f.name)
		}
		if !errors.Is(err, fs.ErrExist) {
			return false, err
		}
	}
	if !u.overwrite {
		return false, fs.ErrExist
	}
	if info, err := u.dir.Lstat(f.name); err == nil && info.IsDir() {
		return false, fs.ErrExist
	}
	return false, u.dir.Rename(f.temporary, f.name)
}

// limited reads a body up to a limit, and keeps the error that it ended with.
type limited struct {
	body    io.Reader
	bounded bool
	left    int64
	err     error // other than io.EOF
}

func (l *limited) Read(p []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	n, err := l.body.Read(p)
	l.left -= int64(n)
	switch {
	case l.bounded && l.left < 0:
		l.err = &highball.Error{Status: http.StatusRequestEntityTooLarge}
		return 0, l.err
	case err != nil && err != io.EOF:
		l.err = fmt.Errorf("%w: %w", errBody, err)
		return n, l.err
	}
	return n, err
}
