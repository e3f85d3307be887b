package observe

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// anyRecord returns a record of any kind: texts of any bytes and lengths, none of them, all addresses, times long and short.
func anyRecord(random *rand.Rand, routes *Routes) *Record {
	text := func() string {
		if random.IntN(3) == 0 {
			return ""
		}
		b := make([]byte, random.IntN(40))
		for i := range b {
			if b[i] = byte(' ' + random.IntN('~'-' ')); random.IntN(50) == 0 {
				b[i] = byte(random.IntN(256))
			}
		}
		return string(b)
	}
	duration := func() time.Duration { return time.Duration(random.Int64N(int64(1) << random.IntN(40))) }
	addresses := []netip.AddrPort{
		{}, netip.MustParseAddrPort("[fe80::7%eth0]:1"), netip.MustParseAddrPort("[::ffff:10.2.30.255]:65535"),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{byte(random.Uint32()), byte(random.Uint32()), 9, 10}), uint16(random.Uint32())),
	}
	r := &Record{
		Time:   time.Date(2026, time.March, 7, 12, 0, random.IntN(100), random.IntN(1e9), time.UTC),
		ID:     RequestID{Given: text(), Epoch: text(), Connection: random.Uint64() >> random.IntN(64), Number: random.Uint32() >> random.IntN(32)},
		Remote: addresses[random.IntN(len(addresses))],
		User:   text(), Host: text(), Method: text(), Target: text() + "?token=" + text() + "&b=" + text(), Referer: text(), UserAgent: text(),
		Minor: uint8(random.IntN(2)), Status: random.IntN(1000), Bytes: int64(duration()), Received: int64(duration()), Duration: duration() - 1,
		Aborted: random.IntN(2) == 0,
	}
	for p := range r.Spans {
		r.Spans[p] = duration()
	}
	if random.IntN(2) == 0 {
		r.Route = routes.Of(text(), text())
	}
	return r
}

// A line says the same whether it was made in a row of others or by itself, whatever is before it and behind it.
func TestLinesInARowAreThoseMadeOneByOne(t *testing.T) {
	template, err := ParseFormat(`{remote}:{port} {user} {time} {time_iso} {time_unix} "{method} {target} {protocol}" {path} {query} {status} {bytes} {received} {duration} ` +
		`{id} {host} {site} {route} "{referer}" {user_agent} {aborted} {phase.head} {phase.body} {phase.queue} {phase.app} {phase.stream} {phase.send}`)
	if err != nil {
		t.Fatal(err)
	}
	const seed = 7
	for _, format := range []Format{Common, Combined, JSON, template} {
		t.Run(format.String(), func(t *testing.T) {
			random, routes := rand.New(rand.NewPCG(seed, seed)), NewRoutes(50)
			var out buffer
			var want strings.Builder
			log := NewAccessLog(&out, format, 1, nil)
			for i := range 2000 {
				r := anyRecord(random, routes)
				want.WriteString(lineOf(format, r, new(Clock), DefaultMasks()))
				log.Shard(0).Append(r)
				if *r = (Record{}); i%100 == 99 && log.Flush() != nil {
					t.Fatal("flush failed")
				}
			}
			log.Close()
			got := strings.SplitAfter(out.String(), "\n")
			for i, line := range strings.SplitAfter(want.String(), "\n") {
				if i >= len(got) || got[i] != line {
					t.Fatalf("line %d\n got %swant %s", i+1, got[min(i, len(got)-1)], line)
				}
			}
		})
	}
}

// Requests that wait on the stage get their lines as was wanted when they were told of: format, masks, destination.
func TestConfigureLeavesTheStageAsItWas(t *testing.T) {
	var first, second buffer
	log := NewAccessLog(&first, Common, 1, nil)
	secret := request(func(r *Record) { r.Target = "/?token=t&sid=s" })
	log.Take(0, secret)
	log.Configure(AccessSettings{Format: JSON, Masks: NewMasks([]string{"sid"}, nil)}, &second)
	log.Take(0, secret)
	log.Close()
	if got := first.String(); !strings.Contains(got, `"GET /?token=***&sid=s HTTP/1.1"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("before: %s", got)
	}
	if got := second.String(); !strings.Contains(got, `"target":"/?token=t&sid=***"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("after: %s", got)
	}
}

// While the writer hangs, buffers and a stage hold what they can; each further line is lost, and counted at once.
func TestStageIsFullWhenTheBuffersAre(t *testing.T) {
	release := make(chan struct{})
	var out buffer
	log := NewAccessLog(writerFunc(func(p []byte) (int, error) {
		<-release
		return out.Write(p)
	}), Common, 1, nil)
	s, appended := log.Shard(0), int64(0)
	for ; log.Lost() == 0; appended++ {
		s.Append(numbered(int(appended)))
	}
	if !s.stage.full() {
		t.Errorf("a line was lost with %d requests on the stage", len(s.stage.requests))
	}
	for range 100 {
		s.Append(numbered(int(appended)))
		appended++
	}
	if log.Lost() != 101 || len(s.stage.requests) != stageSize {
		t.Errorf("%d lines lost, want 101; %d requests on the stage", log.Lost(), len(s.stage.requests))
	}
	close(release)
	log.Close()
	got := targets(out.String())
	if int64(len(got)) != appended-101 || got[len(got)-1] != fmt.Sprint(appended-102) {
		t.Errorf("%d lines written of %d, the last %s", len(got), appended, got[len(got)-1])
	}
}

// A stage takes texts of any length, and does not keep the memory of huge ones.
func TestStageOfHugeTexts(t *testing.T) {
	var out buffer
	log := NewAccessLog(&out, JSON, 1, nil)
	s := log.Shard(0)
	huge := strings.Repeat("h", 64<<10)
	held := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.stage.requests)
	}
	for i := range 6 {
		s.Append(request(func(r *Record) { r.Target, r.UserAgent, r.Referer, r.Host = huge, huge, huge, huge }))
		if held() > 1 {
			t.Fatal("another request was added to a stage that was full")
		}
		if i%2 == 1 {
			log.Flush()
		}
	}
	log.Close()
	if n := int64(strings.Count(out.String(), huge)); n != 4*(6-log.Lost()) || n == 0 {
		t.Errorf("%d texts written, %d lines lost", n, log.Lost())
	}
	if cap(s.stage.texts) > 2*stageText || s.memory() > 4*bufferSize {
		t.Error("the memory of huge texts was kept")
	}
}

func TestNoFormatAllocates(t *testing.T) {
	template, err := ParseFormat(`{remote} {time} "{method} {target}" {status} {duration} {phase.app} {id} {route} "{user_agent}"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []Format{Common, Combined, JSON, template} {
		log := NewAccessLog(io.Discard, format, 1, nil)
		r := request(func(r *Record) { r.Target = "/\"?token=t" })
		fill := func() {
			for range 1000 { // more than a buffer holds
				log.Shard(0).Append(r)
			}
			log.Flush()
		}
		fill()
		fill()
		if n := testing.AllocsPerRun(10, fill); n != 0 {
			t.Errorf("%v: %v allocations in 1000 lines", format, n)
		}
		log.Close()
	}
}
