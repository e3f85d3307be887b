package policy

import (
	"testing"
	"time"
	"unsafe"
)

func newTestLimiter(t testing.TB, r Rate) (*limiter, time.Time) {
	t.Helper()
	now := time.Now()
	l, err := newLimiter(r, now)
	if err != nil {
		t.Fatal(err)
	}
	return l, now
}

// The table grows with the number of clients up to its bound, and never beyond.
func TestTableIsBounded(t *testing.T) {
	l, now := newTestLimiter(t, Rate{Requests: 1, Per: time.Hour})
	slots := func() (n int) {
		for i := range l.table.shards {
			n += len(l.table.shards[i].buckets) * bucketSlots
		}
		return n
	}
	for i := range uint64(100) {
		l.take(rateKey{i, 1}, now)
	}
	if n := slots(); n > 10000 {
		t.Errorf("%d slots for 100 clients", n)
	}
	for i := range uint64(400_000) {
		if l.take(rateKey{i, 2}, now) != 0 {
			t.Fatal("a new client was refused")
		}
	}
	if n := slots(); n != 131_072 || n*int(unsafe.Sizeof(slot{})) != 3<<20 {
		t.Errorf("%d slots of %d bytes", n, unsafe.Sizeof(slot{}))
	}
}

// Clients that are within the bound are all remembered.
func TestTableRemembers(t *testing.T) {
	l, now := newTestLimiter(t, Rate{Requests: 1, Per: time.Hour})
	const clients = 5000 // so few that no bucket is ever full
	for i := range uint64(clients) {
		l.take(rateKey{i, 1}, now)
	}
	forgotten := 0
	for i := range uint64(clients) {
		if l.peek(rateKey{i, 1}, now) == 0 {
			forgotten++
		}
	}
	if forgotten > 0 {
		t.Errorf("%d of %d clients were forgotten", forgotten, clients)
	}
}

// What has expired makes room: clients that come one after another need no more memory than those of one interval.
func TestTableReusesSlots(t *testing.T) {
	l, now := newTestLimiter(t, Rate{Requests: 1, Per: time.Second})
	for i := range uint64(200_000) {
		l.take(rateKey{i, 1}, now.Add(time.Duration(i)*time.Millisecond)) // a thousand in each second
	}
	for i := range l.table.shards {
		if n := len(l.table.shards[i].buckets); n > 64 {
			t.Errorf("a shard has %d buckets", n)
		}
	}
}

// Who has used up the burst is not forgotten for a flood of clients that nobody has seen before.
func TestTableKeepsOffenders(t *testing.T) {
	l, now := newTestLimiter(t, Rate{Requests: 1, Per: time.Second, Burst: 9})
	var offenders []rateKey
	for i := range uint64(1000) {
		key := rateKey{i, 1}
		offenders = append(offenders, key)
		for range 10 {
			l.take(key, now)
		}
	}
	for i := range uint64(400_000) {
		l.take(rateKey{i, 2}, now)
	}
	forgotten := 0
	for _, key := range offenders {
		if l.peek(key, now) == 0 {
			forgotten++
		}
	}
	if forgotten > 0 {
		t.Errorf("%d of %d offenders were forgotten", forgotten, len(offenders))
	}
}

// In the steady state a request costs no memory.
func TestRateAllocations(t *testing.T) {
	l, now := newTestLimiter(t, Rate{Requests: 1, Per: time.Second, Burst: 9})
	key := rateKey{1, 1}
	l.take(key, now)
	if n := testing.AllocsPerRun(1000, func() {
		l.peek(key, now)
		l.take(key, now)
		l.charge(key, now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkTake(b *testing.B) {
	l, now := newTestLimiter(b, Rate{Requests: 1, Per: time.Second, Burst: 9})
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		l.take(rateKey{i % 10000, 1}, now)
	}
}
