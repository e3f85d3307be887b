package observe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// buffer is a destination that may be looked at while the log writes to it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// numbered returns a record that appears as the given number in targets.
func numbered(n int) *Record {
	return request(func(r *Record) { r.Target = fmt.Sprintf("/%d", n) })
}

// targets returns the targets of the common lines in text, in order, and
// anything that is not such a line as it is.
func targets(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		target := strings.TrimSuffix(line, "\n")
		if before, rest, ok := strings.Cut(line, `"GET /`); ok && strings.HasPrefix(before, "192.0.2.7 - - [") {
			if number, end, ok := strings.Cut(rest, " "); ok && end == "HTTP/1.1\" 200 5120\n" {
				target = number
			}
		}
		all = append(all, target)
	}
	return all
}

func checkTargets(t *testing.T, text string, want ...string) {
	t.Helper()
	if got := targets(text); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestAccessLogFlushesWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		log := NewAccessLog(&out, Common, 2, nil)
		defer log.Close()
		for i := range 5 { // after each flush the next line must be flushed too
			time.Sleep(time.Duration(i) * 3333 * time.Millisecond)
			written := len(out.String())
			log.Shard(i % 2).Append(numbered(i))
			synctest.Wait()
			if len(out.String()) != written {
				t.Error("a line was written without being buffered")
			}
			time.Sleep(time.Second)
			synctest.Wait()
			checkTargets(t, out.String(), []string{"0", "1", "2", "3", "4"}[:i+1]...)
		}
	})
}

// Whenever the owner looks at the shards because of the time, it reports losses
// too. So a loss that nobody has told it about shows whether it looks.
func TestAccessLogDoesNotTickWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		log := NewAccessLog(io.Discard, Common, 1, func(int64, error) { looks++ })
		log.Shard(0).Append(numbered(1))
		time.Sleep(time.Second)
		log.lost.Add(1)
		time.Sleep(time.Hour)
		if looks != 0 {
			t.Error("an idle log woke up")
		}
		log.Close()
		if looks != 1 {
			t.Errorf("%d reports after Close", looks)
		}
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestAccessLogFlushAndClose(t *testing.T) {
	var out buffer
	log := NewAccessLog(&out, Common, 3, nil)
	log.Shard(2).Append(numbered(1))
	log.Shard(0).Append(numbered(2))
	if err := log.Flush(); err != nil {
		t.Error(err)
	}
	checkTargets(t, out.String(), "2", "1")

	log.Shard(1).Append(numbered(3))
	for range 2 { // closing again is harmless
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
	checkTargets(t, out.String(), "2", "1", "3")

	log.Shard(1).Append(numbered(4))
	if err := log.Flush(); err != nil {
		t.Error(err)
	}
	checkTargets(t, out.String(), "2", "1", "3")
	if log.Lost() != 1 {
		t.Errorf("%d lines lost, want the one after Close", log.Lost())
	}
}

// Without the owner goroutine, only Flush can write what has been handed over
// and what has been appended since.
func TestFlushWritesAllBuffers(t *testing.T) {
	var out buffer
	log := &AccessLog{lineLog: lineLog{out: lineWriter{w: &out}}}
	log.parts = []*Shard{new(Shard)}
	log.parts[0].stage.settings = new(AccessSettings)
	log.add(&log.parts[0].lineShard)
	lines := 0
	for len(log.Shard(0).full) < 3 {
		log.Shard(0).Append(numbered(lines))
		lines++
	}
	log.Shard(0).Append(numbered(lines))
	if err := log.Flush(); err != nil {
		t.Error(err)
	}
	if got := targets(out.String()); len(got) != lines+1 || got[lines] != fmt.Sprint(lines) {
		t.Errorf("%d lines written, want %d", len(got), lines+1)
	}
}

func TestAccessLogCopiesTheRecord(t *testing.T) {
	var out buffer
	log := NewAccessLog(&out, Common, 1, nil)
	r := numbered(1)
	log.Shard(0).Append(r)
	*r = Record{}
	log.Close()
	checkTargets(t, out.String(), "1")
}

func TestAccessLogKeepsHugeLinesWhole(t *testing.T) {
	var out buffer
	log := NewAccessLog(&out, Common, 1, nil)
	huge := request(func(r *Record) { r.Target = "/" + strings.Repeat("\xff", 3*bufferSize) })
	log.Shard(0).Append(numbered(1))
	log.Shard(0).Append(huge)
	log.Shard(0).Append(numbered(2))
	log.Close()
	lines := targets(out.String())
	if len(lines) != 3 || lines[0] != "1" || lines[2] != "2" || len(lines[1]) < 4*3*bufferSize {
		t.Errorf("%d lines", len(lines))
	}
	if log.Shard(0).memory() > 4*bufferSize {
		t.Error("the memory of the huge line was kept")
	}
}

func TestAccessLogConcurrentAppendsKeepLinesWhole(t *testing.T) {
	const shards, writers, lines = 3, 6, 3000 // two writers share a shard
	var out buffer
	log := NewAccessLog(&out, Common, shards, nil)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range lines {
				log.Shard(w % shards).Append(numbered(w*lines + i))
				if i%1000 == 0 {
					log.Flush()
				}
			}
		})
	}
	group.Wait()
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	var next [writers]int
	written := 0
	for _, target := range targets(out.String()) {
		var n int
		if _, err := fmt.Sscanf(target, "%d", &n); err != nil || fmt.Sprint(n) != target {
			t.Fatalf("torn line %q", target)
		}
		if w := n / lines; n%lines < next[w] {
			t.Fatalf("line %d of writer %d came late", n%lines, w)
		} else {
			next[w] = n%lines + 1
		}
		written++
	}
	if int64(written)+log.Lost() != writers*lines {
		t.Errorf("%d written and %d lost of %d", written, log.Lost(), writers*lines)
	}
}

// A writer that hangs must cost the appender nothing but lines, and those are
// counted.
func TestAccessLogDropsLinesWhileTheWriterHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		release := make(chan struct{})
		var report []string
		log := NewAccessLog(writerFunc(func(p []byte) (int, error) {
			<-release
			return out.Write(p)
		}), Common, 1, func(n int64, err error) { report = append(report, fmt.Sprint(n, " ", err)) })

		const lines = 60_000
		for i := range lines {
			log.Shard(0).Append(numbered(i))
		}
		synctest.Wait()
		lost := log.Lost()
		if held := log.Shard(0).memory(); held > (mostHeld/bufferSize+2)*(bufferSize+bufferSlack) || held < mostHeld {
			t.Errorf("%d bytes held back", held)
		}
		close(release)
		time.Sleep(time.Second)
		synctest.Wait()
		if want := fmt.Sprint(lost, " ", errBehind); len(report) != 1 || report[0] != want {
			t.Errorf("reports %q, want %q", report, want)
		}

		log.Shard(0).Append(numbered(lines)) // logging has resumed
		log.Close()
		got := targets(out.String())
		if int64(len(got))+lost != lines+1 || got[len(got)-1] != fmt.Sprint(lines) {
			t.Errorf("%d lines written, %d lost", len(got), lost)
		}
	})
}

// memory returns the size of the buffers, but for one that is being written.
func (s *Shard) memory() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.full {
		n += cap(b.text)
	}
	for _, b := range s.spare {
		n += cap(b)
	}
	return n + cap(s.filling.text)
}

// The writer is woken for several buffers together, and at once when they are that many.
func TestAccessLogWakesTheWriterSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		log := NewAccessLog(&out, Common, 1, nil)
		defer log.Close()
		s, began, lines := log.Shard(0), time.Now(), 0
		for s.waitingBytes() < worthWaking-bufferSize-bufferSlack {
			s.Append(numbered(lines))
			lines++
		}
		synctest.Wait()
		if n := len(out.String()); n > 0 {
			t.Errorf("the writer was woken for %d bytes", n)
		}
		for s.waitingBytes() >= worthWaking/2 && lines < 100_000 {
			s.Append(numbered(lines))
			lines++
			synctest.Wait()
		}
		if n := len(out.String()); n < worthWaking || time.Since(began) > 0 {
			t.Errorf("%d bytes are written after %v", n, time.Since(began))
		}
	})
}

// What is appended during a flush is not left behind when nothing else comes, however much that was.
func TestAccessLogAppendedDuringAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		var log *AccessLog
		lines, appended := 0, false
		fill := func(upTo int) {
			for start := log.Shard(0).waitingBytes(); log.Shard(0).waitingBytes() < start+upTo; lines++ {
				log.Shard(0).Append(numbered(lines))
			}
		}
		log = NewAccessLog(writerFunc(func(p []byte) (int, error) {
			if !appended {
				appended = true
				fill(bufferSize)
				for range stageSize {
					log.Shard(0).Append(numbered(lines))
					lines++
				}
			}
			return out.Write(p)
		}), Common, 1, nil)
		defer log.Close()
		fill(bufferSize)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := targets(out.String()); len(got) != lines {
			t.Errorf("%d lines of %d are written", len(got), lines)
		}
	})
}

// A writer that is late now and then, as any is on a processor that is busy, costs no line, and the memory that it has cost is given back.
func TestAccessLogOfLateWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out buffer
		const late = 20 * time.Millisecond
		log := NewAccessLog(writerFunc(func(p []byte) (int, error) {
			time.Sleep(late)
			return out.Write(p)
		}), Common, 1, nil)
		s, lines := log.Shard(0), 0
		for s.waitingBytes() < mostHeld/2 {
			s.Append(numbered(lines))
			lines++
		}
		for range 4 {
			time.Sleep(10 * time.Second)
			s.Append(numbered(lines))
			lines++
		}
		synctest.Wait()
		if n := s.memory(); n > 2*(bufferSize+bufferSlack) {
			t.Errorf("%d bytes are kept", n)
		}
		log.Close()
		got := targets(out.String())
		if len(got) != lines || log.Lost() != 0 || got[lines-1] != fmt.Sprint(lines-1) {
			t.Errorf("%d lines written of %d, %d lost", len(got), lines, log.Lost())
		}
	})
}

// waitingBytes returns how much was handed over.
func (s *Shard) waitingBytes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// failing fails its n-th write, after having let part of the bytes through.
type failing struct {
	bytes.Buffer
	n, writes, through int
	err                error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.writes++; f.writes == f.n {
		f.Buffer.Write(p[:f.through])
		return f.through, f.err
	}
	return f.Buffer.Write(p)
}

func TestAccessLogSurvivesTheFailureOfAnyWrite(t *testing.T) {
	full := errors.New("no space left on device")
	lineLength := len(lineOf(Common, numbered(10), &Clock{}, nil))
	tests := []struct {
		name    string
		through int // bytes that the failing write lets through
		lost    int // lines of two
		torn    string
		err     error
	}{
		{"nothing written", 0, 2, "", full},
		{"torn in the first line", 9, 2, "192.0.2.7", full},
		{"one line written", lineLength, 1, "", full},
		{"torn in the second line", lineLength + 9, 1, "192.0.2.7", full},
		{"short without an error", lineLength + 9, 1, "192.0.2.7", io.ErrShortWrite},
	}
	for _, test := range tests {
		for n := 1; n <= 4; n++ {
			t.Run(fmt.Sprintf("%s, write %d", test.name, n), func(t *testing.T) {
				w := &failing{n: n, through: test.through, err: test.err}
				if test.err == io.ErrShortWrite {
					w.err = nil
				}
				var losses []string
				log := NewAccessLog(w, Common, 1, func(n int64, err error) {
					losses = append(losses, fmt.Sprint(n, " ", err))
				})
				var want []string
				for i := 1; i <= 5; i++ { // five writes of two lines each
					for _, line := range []int{10 * i, 10*i + 1} {
						log.Shard(0).Append(numbered(line))
						if i != n || line%10 < 2-test.lost {
							want = append(want, fmt.Sprint(line))
						}
					}
					if i == n && test.torn != "" {
						want = append(want, test.torn)
					}
					err := log.Flush()
					if (i == n) != (err != nil) || err != nil && !errors.Is(err, test.err) {
						t.Errorf("flush %d: %v", i, err)
					}
				}
				if err := log.Close(); err != nil {
					t.Error(err)
				}
				checkTargets(t, w.String(), want...)
				if log.Lost() != int64(test.lost) {
					t.Errorf("%d lines lost, want %d", log.Lost(), test.lost)
				}
				if report := fmt.Sprint(test.lost, " ", test.err); len(losses) != 1 || losses[0] != report {
					t.Errorf("reports %q, want %q", losses, report)
				}
			})
		}
	}
}

// The line end that repairs a torn line may fail like any other write.
func TestAccessLogRepairMayFail(t *testing.T) {
	var out bytes.Buffer
	writes := 0
	log := NewAccessLog(writerFunc(func(p []byte) (int, error) {
		switch writes++; writes {
		case 1: // tears the first line
			out.Write(p[:5])
			return 5, io.ErrShortWrite
		case 2, 3:
			return 0, io.ErrShortWrite
		}
		return out.Write(p)
	}), Common, 1, nil)
	for i := range 4 {
		log.Shard(0).Append(numbered(i))
		if err := log.Flush(); (err != nil) != (i < 3) {
			t.Errorf("flush %d: %v", i, err)
		}
	}
	log.Close()
	checkTargets(t, out.String(), "192.0", "3")
	if log.Lost() != 3 {
		t.Errorf("%d lines lost, want 3", log.Lost())
	}
}

func TestShardAppendDoesNotAllocate(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // as it is while allocations are counted: the writer is as late before that
	log := NewAccessLog(io.Discard, Combined, 1, nil)
	defer log.Close()
	r, s := request(nil), log.Shard(0)
	fill := func() {
		for range 2000 { // more than two buffers hold
			s.Append(r)
		}
	}
	for range 20 { // so that there are as many buffers as there will ever be
		fill()
	}
	if n := testing.AllocsPerRun(10, fill); n != 0 {
		t.Errorf("%v allocations in 2000 lines", n)
	}
}

func BenchmarkShardAppend(b *testing.B) {
	log := NewAccessLog(io.Discard, Combined, 1, nil)
	defer log.Close()
	r, s := request(nil), log.Shard(0)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(r)
	}
	b.ReportMetric(float64(log.Lost())/float64(b.N), "lost/op")
}

// On one processor the appender has to let the writer run. Only scheduling that
// this test does not control may cost lines, so it asks for most of them.
func TestShardKeepsUpOnOneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	log := NewAccessLog(io.Discard, Common, 1, nil)
	r := request(nil)
	const lines = 200_000
	for range lines {
		log.Shard(0).Append(r)
	}
	log.Close()
	if log.Lost() > lines/100 {
		t.Errorf("%d of %d lines lost", log.Lost(), lines)
	}
}
