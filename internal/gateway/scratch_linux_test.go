package gateway

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"highball"
	"highball/internal/servertest"
)

// fullFile is a file on a file system without room.
func fullFile() (*os.File, error) { return os.OpenFile("/dev/full", os.O_RDWR, 0) }

// sealedFile returns a maker of files that take n bytes and no more.
func sealedFile(n int64) func() (*os.File, error) {
	return func() (*os.File, error) {
		fd, err := unix.MemfdCreate("scratch", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(fd), "sealed")
		if err := f.Truncate(n); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// Whichever write of a body fails, the request gets an error with its cause, and nothing is left.
func TestInputWithoutRoom(t *testing.T) {
	tests := []struct {
		name   string
		create func() (*os.File, error)
		status int
		cause  error
	}{
		{"no file can be made", func() (*os.File, error) { return nil, syscall.EMFILE }, 500, syscall.EMFILE},
		{"no room", fullFile, 507, syscall.ENOSPC},
		{"the second write fails", sealedFile(maxInputMemory), 500, syscall.EPERM},
		{"the last write fails", sealedFile(3*maxInputMemory + 1), 500, syscall.EPERM},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			watched := &watchedScratch{create: test.create}
			b := bodies{scratch: watched.scratch()}
			body := pattern(3*maxInputMemory + 2)
			withRequest(t, servertest.Loop, posted(body), func(r *highball.Request) {
				in, err := b.read(r, -1)
				var status *highball.Error
				if in != nil || !errors.As(err, &status) || status.Status != test.status || !errors.Is(err, test.cause) {
					t.Errorf("%v, error %v", in, err)
				}
			})
			if _, open := watched.count(); open > 0 {
				t.Errorf("%d files are open", open)
			}
		})
	}
}

func TestSpoolWithoutRoom(t *testing.T) {
	tests := []struct {
		name   string
		create func() (*os.File, error)
		whole  int // puts of 100 bytes that fit
		cause  error
	}{
		{"no file can be made", func() (*os.File, error) { return nil, syscall.EMFILE }, 2, syscall.EMFILE},
		{"no room", fullFile, 2, syscall.ENOSPC},
		{"the second write fails", sealedFile(199), 3, syscall.EPERM},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			watched := &watchedScratch{create: test.create}
			s := newSpool(func(bool) { t.Error("full was called") })
			s.scratch, s.memory = watched.scratch(), 200
			want := ""
			for i := range 10 {
				p := pattern(100)
				err := s.put([]byte(p))
				if (err != nil) != (i == test.whole+1) || i == test.whole+1 && !errors.Is(err, test.cause) {
					t.Errorf("put %d: %v", i, err)
				}
				s.settle(t)
				if i < test.whole {
					want += p
				}
			}
			s.end(nil)
			got, err := serveSpool(t, servertest.Loop, s)
			if got != want || !errors.Is(err, test.cause) {
				t.Errorf("the client has got %d bytes of %d, and the handler %v", len(got), len(want), err)
			}
			if _, open := watched.count(); open > 0 {
				t.Errorf("%d files are open", open)
			}
		})
	}
}
