package observe

import (
	"strings"
	"testing"
)

// sampled returns which of n requests, counted from 0, a sampler keeps.
func sampled(s *sampler, n int, r *Record) (kept []int) {
	for i := range n {
		if s.keeps(r) {
			kept = append(kept, i)
		}
	}
	return kept
}

func TestSampler(t *testing.T) {
	tests := []struct {
		leaveOut float64
		of       int
		want     int
	}{
		{0, 1000, 1000},
		{0.99, 100, 1},
		{0.99, 100_000, 1000},
		{0.999999, 3_000_000, 3},
		{0.5, 1000, 500},
		{0.25, 1000, 750},
		{1, 100_000, 0},
	}
	ok := &Record{Status: 200}
	for _, test := range tests {
		s := newSampler(test.leaveOut)
		kept := sampled(&s, test.of, ok)
		if len(kept) != test.want || s.leftOut != int64(test.of-test.want) {
			t.Errorf("without %v: %d of %d are kept, want %d; %d are left out", test.leaveOut, len(kept), test.of, test.want, s.leftOut)
		}
		if len(kept) > 0 && kept[0] != 0 {
			t.Errorf("without %v: the first one that is kept is %d", test.leaveOut, kept[0])
		}
	}
}

// What did not succeed is never left out.
func TestSamplerKeepsFailures(t *testing.T) {
	for _, r := range []*Record{{Status: 400}, {Status: 404}, {Status: 500}, {Status: 0}, {Status: 101}, {Status: 200, Aborted: true}} {
		s := newSampler(1)
		if kept := sampled(&s, 10, r); len(kept) != 10 || s.leftOut != 0 {
			t.Errorf("%d of 10 of status %d are kept", len(kept), r.Status)
		}
	}
	for _, status := range []int{200, 204, 304, 399} {
		s := newSampler(1)
		if kept := sampled(&s, 10, &Record{Status: status}); len(kept) != 0 {
			t.Errorf("%d of 10 of status %d are kept", len(kept), status)
		}
	}
}

// Format, sample, masks and destination change between two lines of a shard, and none is lost or of the wrong kind.
func TestAccessLogConfigure(t *testing.T) {
	var first, second, third buffer
	log := NewAccessLog(&first, Common, 2, nil)
	log.Shard(0).Append(numbered(1))
	log.Configure(AccessSettings{Format: JSON, LeaveOut: 0.5}, &second)
	for i := range 4 {
		log.Take(1, numbered(10+i))
	}
	log.Take(7, request(func(r *Record) { r.Status = 404 })) // of a shard that there is not
	log.Configure(AccessSettings{Off: true}, &third)
	log.Take(0, numbered(20))
	log.Shard(0).Append(numbered(21))
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	checkTargets(t, first.String(), "1")
	if got := second.String(); strings.Count(got, "\n") != 3 || strings.Count(got, `{"time"`) != 3 || !strings.Contains(got, `"/10"`) || !strings.Contains(got, `"/12"`) {
		t.Errorf("second\n%s", got)
	}
	if got := third.String(); got != "" {
		t.Errorf("third\n%s", got)
	}
	if log.LeftOut() != 2 || log.Lost() != 0 {
		t.Errorf("%d left out, %d lost", log.LeftOut(), log.Lost())
	}
}

// Lines that are appended while the log changes are whole and of one format in each destination.
func TestAccessLogConfigureWhileAppending(t *testing.T) {
	var outs [20]buffer
	log := NewAccessLog(&outs[0], Common, 1, nil)
	stop, ended := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for ; ; n++ {
			select {
			case <-stop:
				ended <- n
				return
			default:
				log.Take(0, numbered(n))
			}
		}
	}()
	for i := 1; i < len(outs); i++ {
		log.Configure(AccessSettings{Format: []Format{Common, JSON}[i%2]}, &outs[i])
	}
	close(stop)
	n := int64(<-ended)
	log.Close()
	written := int64(0)
	for i := range outs {
		for line := range strings.Lines(outs[i].String()) {
			written++
			if strings.HasPrefix(line, "{") != (i%2 == 1) {
				t.Fatalf("%q in destination %d", line, i)
			}
		}
	}
	if written+log.Lost() != n {
		t.Errorf("%d written and %d lost of %d", written, log.Lost(), n)
	}
}
