package observe

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

func TestTailFilters(t *testing.T) {
	record := func(status int, method, target, client string) *Record {
		return request(func(r *Record) {
			r.Status, r.Method, r.Target = status, method, target
			r.Remote = netip.AddrPort{}
			if client != "" {
				r.Remote = netip.AddrPortFrom(netip.MustParseAddr(client), 1234)
			}
		})
	}
	ours := record(404, "GET", "/api/x?q=1", "192.0.2.7")
	tests := []struct {
		status, method, path, client string
		record                       *Record
		want                         bool
	}{
		{record: ours, want: true},
		{status: "404", record: ours, want: true},
		{status: "405", record: ours},
		{status: "4xx", record: ours, want: true},
		{status: "4XX", record: ours, want: true},
		{status: "5xx", record: ours},
		{status: "1xx", record: record(0, "GET", "/", "192.0.2.7")},
		{method: "GET", record: ours, want: true},
		{method: "get", record: ours},
		{path: "/api/", record: ours, want: true},
		{path: "/ap", record: ours, want: true},
		{path: "/b", record: ours},
		{client: "192.0.2.", record: ours, want: true},
		{client: "192.0.2.7", record: ours, want: true},
		{client: "192.0.3.", record: ours},
		{client: "192.0.2.0/24", record: ours, want: true},
		{client: "192.0.2.9/24", record: ours, want: true},
		{client: "10.0.0.0/8", record: ours},
		{client: "192.0.2.", record: record(200, "GET", "/", "::ffff:192.0.2.7"), want: true},
		{client: "2001:db8::/32", record: record(200, "GET", "/", "2001:db8::1"), want: true},
		{client: "192.0.2.", record: record(200, "GET", "/", "")},
		{client: "192.0.2.0/24", record: record(200, "GET", "/", "")},
		{record: record(200, "GET", "/", ""), want: true},
		{status: "4xx", method: "GET", path: "/api/", client: "192.", record: ours, want: true},
		{status: "4xx", method: "POST", path: "/api/", client: "192.", record: ours},
	}
	for _, test := range tests {
		name := fmt.Sprintf("%q %q %q %q for %v", test.status, test.method, test.path, test.client, test.record.Remote)
		filter, err := ParseTailFilter(test.status, test.method, test.path, test.client)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tail := NewTail(1)
		lines := 0
		cancel := tail.Follow(filter, func([]byte) { lines++ })
		tail.Take(0, test.record)
		cancel()
		if (lines == 1) != test.want {
			t.Errorf("%s: %d lines", name, lines)
		}
	}
}

func TestTailFilterFaults(t *testing.T) {
	for _, status := range []string{"4", "44", "4x4", "600", "099", "4444", "xxx", "-40", "4x"} {
		if _, err := ParseTailFilter(status, "", "", ""); err == nil || !strings.Contains(err.Error(), `"404"`) {
			t.Errorf("status %q: %v", status, err)
		}
	}
	for _, client := range []string{"192.0.2.0/33", "example.org/24", "/"} {
		if _, err := ParseTailFilter("", "", "", client); err == nil || !strings.Contains(err.Error(), "192.0.2.0/24") {
			t.Errorf("client %q: %v", client, err)
		}
	}
}

func TestTailLinesAreJSONWithoutSecrets(t *testing.T) {
	tail := NewTail(2)
	var got []string
	take := func(line []byte) { got = append(got, string(line)) }
	defer tail.Follow(TailFilter{}, take)()
	defer tail.Follow(TailFilter{}, take)()
	r := request(func(r *Record) { r.Target = "/a?token=hunter2&q=1"; r.Referer = "http://example.org/?password=hunter2" })
	tail.Take(1, r)
	if len(got) != 2 || got[0] != got[1] {
		t.Fatalf("lines %q", got)
	}
	var line struct{ Target, Referer string }
	if err := json.Unmarshal([]byte(got[0]), &line); err != nil {
		t.Fatal(err)
	}
	if line.Target != "/a?token=***&q=1" || line.Referer != "http://example.org/?password=***" {
		t.Errorf("got %+v", line)
	}
	tail.Mask(NewMasks([]string{"q"}, nil))
	tail.Take(1, r)
	if len(got) != 4 || !strings.Contains(got[3], `"/a?token=hunter2&q=***"`) {
		t.Errorf("with other masks the lines are %q", got[2:])
	}
}

// After cancel has returned, no line comes; what others get is not disturbed.
func TestTailCancelWaits(t *testing.T) {
	tail := NewTail(2)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for shard := range 3 {
		group.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					tail.Take(shard, request(nil))
				}
			}
		})
	}
	for range 200 {
		var mu sync.Mutex
		cancelled, lines, arrived := false, 0, make(chan struct{}, 1)
		cancel := tail.Follow(TailFilter{}, func([]byte) {
			mu.Lock()
			defer mu.Unlock()
			if cancelled {
				t.Error("a line has come after the end")
			}
			if lines++; lines == 1 {
				arrived <- struct{}{}
			}
		})
		<-arrived
		cancel()
		mu.Lock()
		cancelled = true
		mu.Unlock()
	}
	close(stop)
	group.Wait()
	if tail.followers.Load() != nil {
		t.Error("a follower has stayed")
	}
}
