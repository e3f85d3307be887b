package loop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// fileFaults is a kernel that does as it is told with files, and has a clock that it is asked for the time by: what takes long on a
// machine that is busy is not to be taken for a slow disk.
type fileFaults struct {
	kernel
	onSend   func(call int, send func(n int) (int, error), n int) (int, error) // nil is as usual
	onCached func(call int) bool                                               // likewise
	sends    atomic.Int64
	looks    atomic.Int64
	time     atomic.Int64
}

func (k *fileFaults) clock() int64 { return k.time.Add(int64(time.Microsecond)) }

func (k *fileFaults) sendfile(out, in int, offset int64, n int) (int, error) {
	return k.send(func(n int) (int, error) { return k.kernel.sendfile(out, in, offset, n) }, n)
}

func (k *fileFaults) sendCached(out, in int, offset int64, n int) (int, error) {
	return k.send(func(n int) (int, error) { return k.kernel.sendCached(out, in, offset, n) }, n)
}

func (k *fileFaults) send(send func(n int) (int, error), n int) (int, error) {
	call := int(k.sends.Add(1))
	if k.onSend == nil {
		return send(n)
	}
	return k.onSend(call, send, n)
}

func (k *fileFaults) cached(fd int, offset int64) bool {
	call := int(k.looks.Add(1))
	return (k.onCached == nil || k.onCached(call)) && k.kernel.cached(fd, offset)
}

// startWith is startTCP with another kernel, and its clock.
func startWith(t *testing.T, h *hub, k *fileFaults) (*Group, string) {
	t.Helper()
	fd, addr := listenTCP(t)
	return start(t, Config{Sockets: []int{fd}, system: k, Clock: k.clock}, h), addr
}

// allNumbers are lines that tell where they stand.
var allNumbers = sync.OnceValue(func() []byte {
	text := make([]byte, 0, moreThanBuffers)
	for len(text) < moreThanBuffers {
		text = fmt.Appendf(text, "%015d\n", len(text))
	}
	return text
})

// numbers returns a file that begins with allNumbers, and that beginning.
func numbers(t *testing.T, size int) (*os.File, []byte) {
	t.Helper()
	text := allNumbers()[:size:size]
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(text); err != nil {
		t.Fatal(err)
	}
	return f, text
}

const moreThanBuffers = 24 << 20

// sentFile is what a session was told of a file.
type sentFile struct {
	moved int64
	took  time.Duration
}

// fileSession has the loop send the whole file for each input, and then answers with what was told.
func fileSession(f *os.File, n int64, told chan<- sentFile) func(s *echo) {
	return func(s *echo) {
		inputs := 0
		s.onInput = func(b []byte) {
			if inputs += bytes.Count(b, []byte("\n")); bytes.HasPrefix(b, []byte("f")) {
				s.c.SendFileLater(int(f.Fd()), 0, n)
			}
			if bytes.HasSuffix(b, []byte("?\n")) {
				s.c.Send(fmt.Appendf(nil, "%d inputs\n", inputs))
			}
		}
		s.onFileSent = func(moved int64, took time.Duration) {
			told <- sentFile{moved, took}
			if moved < n {
				s.c.Close()
			}
		}
	}
}

// The loop sends a file to a client however slowly it takes it, tells of it once, and then reads what has arrived meanwhile.
func TestSendFileLater(t *testing.T) {
	for name, size := range map[string]int{"nothing": 0, "at once": 100_000, "as there is room": moreThanBuffers, "an odd number": sendAtOnce + 1} {
		t.Run(name, func(t *testing.T) {
			f, text := numbers(t, size)
			told := make(chan sentFile, 2)
			_, addr := startWith(t, &hub{prepare: fileSession(f, int64(size), told)}, new(fileFaults))
			c := dial(t, addr)
			for n := range 2 {
				send(t, c, "f\n")
				beginning := text[:min(16, size)]
				expect(t, c, string(beginning))
				send(t, c, "?\n") // in the midst of what is larger than buffers
				expect(t, c, string(text[len(beginning):]))
				if got := within(t, told, "the end of the file"); got.moved != int64(size) || size > 0 && got.took <= 0 {
					t.Errorf("%d bytes in %v", got.moved, got.took)
				}
				expect(t, c, fmt.Sprintf("%d inputs\n", 2*n+2))
			}
		})
	}
}

// However much a client would take, the others wait for no more than a piece of a file at once.
func TestSendFileNowIsBounded(t *testing.T) {
	f, text := numbers(t, moreThanBuffers)
	asked := make(chan int, 1)
	k := &fileFaults{onSend: func(_ int, send func(int) (int, error), n int) (int, error) {
		asked <- n
		return send(n)
	}}
	_, addr := startWith(t, &hub{prepare: func(s *echo) {
		s.onInput = func([]byte) {
			s.c.SendFileNow([]byte("head:"), int(f.Fd()), moreThanBuffers)
			s.c.Close()
		}
	}}, k)
	c := dial(t, addr)
	send(t, c, "f\n")
	got, err := io.ReadAll(c)
	if n := within(t, asked, "the file"); n != nowAtMost || !bytes.HasPrefix(append([]byte("head:"), text...), got) || err != nil {
		t.Errorf("%d bytes are to be sent at once, the client gets %d, %v", n, len(got), err)
	}
}

// What the loop cannot do without waiting, or that fails, is left to somebody else, who is told how far it came: whatever the call at which that is found.
func TestWhatIsLeftOfAFile(t *testing.T) {
	const size = moreThanBuffers
	ways := map[string]func(k *fileFaults, at int){
		"not in memory": func(k *fileFaults, at int) { k.onCached = func(call int) bool { return call < at } },
		"failure": func(k *fileFaults, at int) {
			k.onSend = func(call int, send func(int) (int, error), n int) (int, error) {
				if call >= at {
					return -1, unix.EIO
				}
				return send(n)
			}
		},
		"end of the file": func(k *fileFaults, at int) {
			k.onSend = func(call int, send func(int) (int, error), n int) (int, error) {
				if call >= at {
					return 0, nil
				}
				return send(n)
			}
		},
		"slow disk": func(k *fileFaults, at int) {
			k.onSend = func(call int, send func(int) (int, error), n int) (int, error) {
				if call == at {
					k.time.Add(slowSend)
				}
				return send(n)
			}
		},
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			f, text := numbers(t, size)
			for at := 1; at <= 6; at++ {
				k := new(fileFaults)
				way(k, at)
				told := make(chan sentFile, 1)
				_, addr := startWith(t, &hub{prepare: fileSession(f, size, told)}, k)
				c := dial(t, addr)
				send(t, c, "f\n")
				got, err := io.ReadAll(c)
				if left := within(t, told, "word of the file"); left.moved != int64(len(got)) || left.moved >= size {
					t.Errorf("at %d: the session hears of %d bytes of %d, the client gets %d, %v", at, left.moved, size, len(got), err)
				}
				if !bytes.HasPrefix(text, got) {
					t.Errorf("at %d: the client gets something else", at)
				}
			}
		})
	}
}

// Short writes, and sockets that are not ready after all, lose and repeat nothing.
func TestSendFileLaterInPieces(t *testing.T) {
	const size = 4 << 20
	f, text := numbers(t, size)
	for at := 1; at <= 8; at++ {
		k := new(fileFaults)
		k.onSend = func(call int, send func(int) (int, error), n int) (int, error) {
			if call%8 == at-1 {
				return send(1)
			}
			return send(n)
		}
		told := make(chan sentFile, 1)
		_, addr := startWith(t, &hub{prepare: fileSession(f, size, told)}, k)
		c := dial(t, addr)
		send(t, c, "f\n")
		expect(t, c, string(text))
		if got := within(t, told, "the end of the file"); got.moved != size {
			t.Errorf("at %d: %d bytes", at, got.moved)
		}
	}
}

// A session that stops a file hears how far it came, and nothing more; a client that leaves is found out.
func TestStopFile(t *testing.T) {
	f, _ := numbers(t, moreThanBuffers)
	told := make(chan sentFile, 1)
	sessions := make(chan *echo, 3)
	h := &hub{opened: sessions, prepare: fileSession(f, moreThanBuffers, told)}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	s := within(t, sessions, "the session")
	send(t, c, "f\n")
	expect(t, c, "000000000000000\n")
	var moved int64
	onLoop(t, g, func(*Loop) {
		moved, _ = s.c.StopFile()
		if _, sent := s.c.Moved(); sent != moved {
			t.Errorf("%d bytes are counted, %d are told", sent, moved)
		}
		s.c.Close()
	})
	rest, err := io.ReadAll(c)
	if int64(16+len(rest)) != moved || err != nil {
		t.Errorf("%d bytes are told, the client gets %d, %v", moved, 16+len(rest), err)
	}
	turns(t, g)
	if len(told) != 0 {
		t.Error("the session is told of a file that it has stopped")
	}

	c = dial(t, addr)
	s = within(t, sessions, "the session")
	send(t, c, "f\n")
	expect(t, c, "000000000000000\n")
	onLoop(t, g, func(*Loop) {
		s.c.Close()
		if s.c.sending || s.c.errand.given {
			t.Error("the slot's next connection would get the file of the one before")
		}
	})

	c = dial(t, addr)
	send(t, c, "f\n")
	expect(t, c, "000000000000000\n")
	if err := c.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := within(t, told, "word of the file"); got.moved >= moreThanBuffers {
		t.Errorf("%d bytes are sent to a client that has left", got.moved)
	}
}

// ownerOf returns a session whose goroutine sends the file, and tells of each return of SendFile.
func ownerOf(f *os.File, n int64, patience time.Duration, returned func(moved int64, waited time.Duration, err error)) func(s *echo) {
	return func(s *echo) {
		s.onServe = func() {
			defer s.c.Close()
			for offset := int64(0); offset < n; {
				moved, waited, err := s.c.SendFile(f, offset, n-offset, patience)
				returned(moved, waited, err)
				if err != nil {
					return
				}
				offset += moved
			}
		}
	}
}

// While a goroutine waits for a client to make room, the loop sends its file: it is not woken each time.
func TestLoopSendsForTheOwner(t *testing.T) {
	f, text := numbers(t, moreThanBuffers)
	for name, test := range map[string]struct {
		cached bool
		most   int64 // returns of SendFile
	}{
		"in memory":     {true, 8},
		"not in memory": {false, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			var returns, waits atomic.Int64
			h := &hub{prepare: ownerOf(f, moreThanBuffers, patience, func(_ int64, waited time.Duration, err error) {
				if err != nil || waited < 0 {
					t.Errorf("%v after %v", err, waited)
				}
				returns.Add(1)
				waits.Add(int64(waited))
			})}
			k := &fileFaults{onCached: func(int) bool { return test.cached }}
			_, addr := startWith(t, h, k)
			c := dial(t, addr)
			send(t, c, "d\n")
			got, err := io.ReadAll(c)
			if !bytes.Equal(got, text) || err != nil {
				t.Errorf("got %d bytes, %v", len(got), err)
			}
			if n := returns.Load(); n > test.most || waits.Load() == 0 {
				t.Errorf("SendFile returned %d times, after %v of waiting", n, time.Duration(waits.Load()))
			}
		})
	}
}

// An owner whose client stops reading hears of it when its patience is over, and of every byte that was sent.
func TestLoopSendsAndTheClientStops(t *testing.T) {
	f, text := numbers(t, moreThanBuffers)
	var total int64
	over := make(chan error, 1)
	h := &hub{prepare: ownerOf(f, moreThanBuffers, 100*time.Millisecond, func(moved int64, _ time.Duration, err error) {
		if total += moved; err != nil {
			over <- err
		}
	})}
	_, addr := startTCP(t, h)
	c := dial(t, addr)
	if err := c.SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
	send(t, c, "d\n")
	got := make([]byte, moreThanBuffers/3)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	if err := within(t, over, "the end of the patience"); err != ErrPatience {
		t.Errorf("the end is %v", err)
	}
	rest, err := io.ReadAll(c)
	if got = append(got, rest...); int64(len(got)) != total || err != nil || !bytes.HasPrefix(text, got) {
		t.Errorf("%d bytes are told, the client gets %d, %v", total, len(got), err)
	}
}

// AbortAll ends the wait of an owner for whom the loop sends.
func TestLoopSendsUntilAborted(t *testing.T) {
	f, _ := numbers(t, moreThanBuffers)
	over := make(chan error, 1)
	h := &hub{prepare: ownerOf(f, moreThanBuffers, 0, func(_ int64, _ time.Duration, err error) {
		if err != nil {
			over <- err
		}
	})}
	g, addr := startTCP(t, h)
	c := dial(t, addr)
	send(t, c, "d\n")
	expect(t, c, "000000000000000\n")
	g.AbortAll()
	if err := within(t, over, "the owner's end"); !errors.Is(err, ErrClosed) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the end is %v", err)
	}
}

// Files leave time for others: however many there are, a loop sends but a few pieces in one turn.
func TestFilesShareTheLoop(t *testing.T) {
	const clients = 16
	f, text := numbers(t, 8<<20)
	var now atomic.Int64
	var mu sync.Mutex
	inTurn, most := 0, 0
	told := make(chan sentFile, clients)
	fd, addr := listenTCP(t)
	start(t, Config{
		Sockets: []int{fd}, system: &fileFaults{onSend: func(_ int, send func(int) (int, error), n int) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			inTurn++
			most = max(most, inTurn)
			return send(n)
		}},
		Clock: func() int64 { return now.Add(filesTime / 2) },
		TurnEnd: func(int) {
			mu.Lock()
			defer mu.Unlock()
			inTurn = 0
		},
	}, &hub{prepare: fileSession(f, int64(len(text)), told)})
	var done sync.WaitGroup
	for range clients {
		c := dial(t, addr)
		send(t, c, "f\n")
		done.Go(func() {
			if got, err := io.ReadAll(io.LimitReader(c, int64(len(text)))); !bytes.Equal(got, text) || err != nil {
				t.Errorf("a client gets %d bytes, %v", len(got), err)
			}
		})
	}
	done.Wait()
	mu.Lock()
	defer mu.Unlock()
	if most > 6 { // two files, of which each may take three: what there is room for, a little more, and nothing
		t.Errorf("%d calls of sendfile in one turn", most)
	}
}
