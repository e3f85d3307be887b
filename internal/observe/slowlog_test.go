package observe

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func slowRequest(own time.Duration) *Record {
	return request(func(r *Record) {
		r.Target = "/slow?token=t"
		r.Spans = Spans{Queue: own / 2, App: own - own/2, Send: time.Minute}
		r.Duration = own + time.Minute
		r.Stack = "shop.py:7\n  in pay\xff"
	})
}

func TestSlowLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		tell := func(name string) func(*Slow, int64) {
			return func(s *Slow, lost int64) { told = append(told, fmt.Sprint(name, " ", s.Target, " ", lost)) }
		}
		log := NewSlowLog()
		log.Take(0, slowRequest(time.Hour)) // it is off
		log.Configure(time.Second, DefaultMasks(), tell("first"))
		log.Take(0, slowRequest(time.Second))
		log.Take(1, slowRequest(time.Second-1)) // the client was slow
		log.Take(1, request(func(r *Record) { r.Duration = time.Second - 1 }))
		synctest.Wait()
		log.Configure(2*time.Second, nil, tell("second"))
		log.Take(0, slowRequest(time.Second))
		log.Take(0, slowRequest(2*time.Second))
		synctest.Wait()
		log.Configure(-1, nil, tell("third"))
		log.Take(0, slowRequest(time.Hour))
		log.Close()
		log.Close()
		log.Take(0, slowRequest(time.Hour))
		if want := []string{"first /slow?token=*** 0", "second /slow?token=t 0"}; fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// Who tells of slow requests may be slow. That costs some of them, which are counted.
func TestSlowLogIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		told, lost := 0, int64(0)
		log := NewSlowLog()
		log.Configure(time.Second, nil, func(_ *Slow, n int64) {
			<-release
			told, lost = told+1, lost+n
		})
		log.Take(0, slowRequest(time.Second))
		synctest.Wait()
		const more = 50
		for range mostSlow + more {
			log.Take(0, slowRequest(time.Second))
		}
		close(release)
		log.Close()
		if told != 1+mostSlow || lost != more || log.Lost() != more {
			t.Errorf("%d told, %d told to be lost, %d lost", told, lost, log.Lost())
		}
	})
}

func TestSlowLine(t *testing.T) {
	var line string
	log := NewSlowLog()
	log.Configure(time.Second, DefaultMasks(), func(s *Slow, _ int64) { line = string(s.AppendJSON(nil)) })
	log.Take(0, slowRequest(3*time.Second))
	log.Close()
	checkPrintable(t, line)
	var got struct {
		ID, Method, Target, Site, Route, Stack string
		Status                                 int
		Duration                               float64
		Phases                                 map[string]float64
	}
	if err := json.Unmarshal([]byte(line), &got); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	if got.ID != "5f3a9c01-1b-3" || got.Method != "GET" || got.Target != "/slow?token=***" || got.Site != "example.org" || got.Route != "/a/" ||
		latin1(t, got.Stack) != "shop.py:7\n  in pay\xff" || got.Status != 200 || got.Duration != 63 || got.Phases["app"] != 1.5 || got.Phases["send"] != 60 {
		t.Errorf("%+v of %s", got, line)
	}
	if !strings.HasSuffix(line, "}\n") {
		t.Errorf("line %q", line)
	}
}

// What is not slow costs a comparison.
func BenchmarkSlowLogPasses(b *testing.B) {
	log := NewSlowLog()
	defer log.Close()
	log.Configure(time.Minute, nil, func(*Slow, int64) {})
	r := request(nil)
	b.ReportAllocs()
	for b.Loop() {
		log.Take(0, r)
	}
}
