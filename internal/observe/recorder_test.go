package observe

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recordOf returns the record of a request of connection 1.
func recordOf(number uint32, status int) *Record {
	return &Record{
		Time: noon.Add(time.Duration(number) * time.Second), ID: RequestID{Epoch: "5f3a", Connection: 1, Number: number},
		Remote: netip.MustParseAddrPort("192.0.2.7:4000"), Host: "example.org", Method: "GET", Target: "/a?x=1", Status: status, Bytes: 5,
		Duration: time.Second, Route: &Route{Path: "/"},
		Wire: &Wire{
			RequestHead: []byte("GET /a?x=1 HTTP/1.1\r\nHost: example.org\r\n\r\n"),
			Response:    []byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
		},
	}
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// ids returns the ids of exchanges, by the last part of each, with a "k" where it is kept.
func ids(all []Exchange) string {
	var words []string
	for _, e := range all {
		word := e.ID[strings.LastIndexByte(e.ID, '-')+1:]
		if e.Kept {
			word += "k"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

func TestRecorderShowsTheLatestFirst(t *testing.T) {
	r := NewRecorder(1<<20, 3, DefaultMasks())
	for i := range 6 {
		rec := recordOf(uint32(i), 200)
		if i == 3 {
			rec.Status, rec.Target = 404, "/b"
		}
		r.Take(i%4, rec) // also a shard that there is not
	}
	for _, tt := range []struct {
		name   string
		filter RecentFilter
		limit  int
		want   string
	}{
		{"all", RecentFilter{}, 50, "5 4 3 2 1 0"},
		{"as many as wanted", RecentFilter{}, 2, "5 4"},
		{"none", RecentFilter{}, 0, ""},
		{"of a status", RecentFilter{Status: func(s int) bool { return s == 404 }}, 50, "3"},
		{"of a path", RecentFilter{Path: "/a"}, 50, "5 4 2 1 0"},
		{"of neither", RecentFilter{Path: "/a", Status: func(s int) bool { return s == 404 }}, 50, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ids(r.Recent(tt.filter, tt.limit)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestRecorderHasAnExchangeWhole(t *testing.T) {
	r := NewRecorder(1<<20, 1, DefaultMasks())
	rec := recordOf(7, 504)
	rec.User, rec.Stack, rec.Received, rec.Aborted = "ann", "shop/views.py:12 in checkout\n", 3, true
	rec.Spans[App] = time.Second
	rec.Wire.RequestBody = []byte("abc")
	r.Take(0, rec)
	got, ok := r.Exchange("5f3a-1-7")
	want := Exchange{
		ID: "5f3a-1-7", Time: rec.Time, Client: netip.MustParseAddr("192.0.2.7"), User: "ann", Method: "GET", Target: "/a?x=1", Host: "example.org",
		Route: rec.Route, Status: 504, Duration: time.Second, Spans: rec.Spans, Sent: 5, Received: 3, Aborted: true, Kept: true, Stack: rec.Stack,
		RequestHead: "GET /a?x=1 HTTP/1.1\nHost: example.org\n\n", RequestBody: []byte("abc"),
		ResponseHead: "HTTP/1.1 200 OK\nContent-Length: 5\n\n", ResponseBody: []byte("hello"),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Route{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); !ok || diff != "" {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	if _, ok := r.Exchange("5f3a-1-8"); ok {
		t.Error("there is an exchange that there was not")
	}
}

// What a record aliases is used again, and what is recorded does not change by that.
func TestRecorderCopies(t *testing.T) {
	r := NewRecorder(1<<20, 1, DefaultMasks())
	rec := recordOf(1, 200)
	rec.ID.Given = "given"
	r.Take(0, rec)
	for _, b := range [][]byte{rec.Wire.RequestHead, rec.Wire.Response} {
		clear(b)
	}
	e, _ := r.Exchange("given")
	if !strings.HasPrefix(e.RequestHead, "GET") || !strings.HasPrefix(e.ResponseHead, "HTTP/1.1") {
		t.Errorf("got %q, %q", e.RequestHead, e.ResponseHead)
	}
}

func TestRecorderKeepsWhatFailed(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit func(*Record)
		want bool
	}{
		{"200", func(*Record) {}, false},
		{"404", func(r *Record) { r.Status = 404 }, false},
		{"500", func(r *Record) { r.Status = 500 }, true},
		{"504", func(r *Record) { r.Status = 504 }, true},
		{"no answer", func(r *Record) { r.Status = 0 }, true},
		{"aborted", func(r *Record) { r.Aborted = true }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRecorder(1<<20, 1, DefaultMasks())
			rec := recordOf(1, 200)
			tt.edit(rec)
			r.Take(0, rec)
			for i := range 10000 {
				r.Take(0, recordOf(uint32(i+2), 200))
			}
			if e, ok := r.Exchange("5f3a-1-1"); ok != tt.want || e.Kept != tt.want {
				t.Errorf("found %v, kept %v; want %v", ok, e.Kept, tt.want)
			}
		})
	}
}

func TestRecorderKeepsOnDemand(t *testing.T) {
	r := NewRecorder(1<<20, 1, DefaultMasks())
	r.Take(0, recordOf(1, 200))
	r.KeepAll(noon.Add(3500 * time.Millisecond))
	for i := uint32(2); i < 6; i++ {
		r.Take(0, recordOf(i, 200))
	}
	if got, want := ids(r.Recent(RecentFilter{}, 50)), "5 4 3k 2k 1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Of very many exchanges in one second a part is recorded, but each that failed.
func TestRecorderPassesOver(t *testing.T) {
	r := NewRecorder(64<<20, 1, DefaultMasks())
	for i := range 5000 {
		rec := recordOf(uint32(i), 200)
		rec.Time = noon
		if i%1000 == 1 {
			rec.Status = 500
		}
		r.Take(0, rec)
	}
	rec := recordOf(1, 200)
	rec.ID.Given = "later"
	r.Take(0, rec)
	failed := RecentFilter{Status: func(s int) bool { return s == 500 }}
	if all, errs := len(r.Recent(RecentFilter{}, 1<<20)), len(r.Recent(failed, 1<<20)); errs != 5 || all != 5+1000+4995/16-1000/16+1 {
		t.Errorf("%d are recorded, of these %d that failed", all, errs)
	}
	if _, ok := r.Exchange("later"); !ok {
		t.Error("the first of the next second is not recorded")
	}
}

// Nothing that is recorded is ever mixed with what has taken its place, and the memory is as much as was said.
func TestRecorderRing(t *testing.T) {
	r := NewRecorder(0, 1, DefaultMasks())
	for i := range 5000 {
		rec := recordOf(uint32(i), 200+300*(i%2))
		rec.Target = fmt.Sprintf("/%d/%s", i, strings.Repeat("x", i*7919%1500))
		if i%97 == 0 {
			rec.Target = strings.Repeat("y", 1<<20)
		}
		rec.Wire.RequestHead = []byte(rec.Target)
		r.Take(0, rec)
		if i%100 != 99 {
			continue
		}
		all := r.Recent(RecentFilter{}, 1<<20)
		if len(all) < 20 {
			t.Fatalf("after %d only %d are left", i, len(all))
		}
		for at, e := range all {
			if at > 0 && !all[at-1].Time.After(e.Time) {
				t.Fatalf("%s comes before %s", all[at-1].ID, e.ID)
			}
			whole, _ := r.Exchange(e.ID)
			number := strings.TrimPrefix(e.ID, "5f3a-1-")
			long := strings.HasPrefix(e.Target, "yyyy")
			if !long && !strings.HasPrefix(e.Target, "/"+number+"/") || whole.RequestHead != e.Target+"\n" || whole.ResponseHead != "HTTP/1.1 200 OK\nContent-Length: 5\n\n" {
				t.Fatalf("%s is %.40q, %.40q, %q", e.ID, e.Target, whole.RequestHead, whole.ResponseHead)
			}
		}
	}
	s := r.shards[0]
	if size := len(s.recent.text) + len(s.kept.text) + slotSize*(len(s.recent.slots)+len(s.kept.slots)); size != SmallestRecorder {
		t.Errorf("it has %d bytes, want %d", size, SmallestRecorder)
	}
}

// No secret leaves the recorder but by Original.
func TestRecorderMasks(t *testing.T) {
	r := NewRecorder(1<<20, 1, DefaultMasks())
	rec := recordOf(1, 500)
	rec.Target = "/a?token=SECRET&x=1"
	rec.Wire = &Wire{
		RequestHead: []byte("POST /a?token=SECRET&x=1 HTTP/1.1\r\nAuthorization: Basic SECRET\r\nCookie: a=SECRET\r\nReferer: http://x/?key=SECRET\r\n\r\n"),
		RequestBody: []byte("name=ann&password=SECRET&x=1"),
		Response:    []byte("HTTP/1.1 302 Found\r\nSet-Cookie: s=SECRET\r\nLocation: /?access_token=SECRET\r\n\r\ntoken=SECRET"),
	}
	rec.Received = int64(len(rec.Wire.RequestBody))
	r.Take(0, rec)
	e, _ := r.Exchange("5f3a-1-1")
	if all := fmt.Sprintf("%+v %s %s %+v", e, e.RequestBody, e.ResponseBody, r.Recent(RecentFilter{}, 1)); strings.Contains(all, "SECRET") || strings.Count(all, "***") < 9 {
		t.Errorf("got %s", all)
	}
	if o, ok := r.Original("5f3a-1-1"); !ok || !bytes.Equal(o.Head, rec.Wire.RequestHead) || !bytes.Equal(o.Body, rec.Wire.RequestBody) || o.HeadCut || o.BodyCut {
		t.Errorf("original: %+v", o)
	}
}

// Texts do nothing to a terminal.
func TestRecorderEscapes(t *testing.T) {
	r := NewRecorder(1<<20, 1, DefaultMasks())
	rec := recordOf(1, 500)
	rec.Target, rec.Host, rec.User, rec.Method, rec.Stack = "/\x1b[2J", "\x9b", "\a", "\x00", "a\n\x1b"
	rec.Wire = &Wire{RequestHead: []byte("GET /\x1b[2J HTTP/1.1\r\nA: \xff\r\n"), Response: []byte("HTTP/1.1 200 \x1b\r\n\r\n")}
	r.Take(0, rec)
	e, _ := r.Exchange("5f3a-1-1")
	for _, text := range []string{e.Target, e.Host, e.User, e.Method, e.Stack, e.RequestHead, e.ResponseHead} {
		if text == "" || strings.IndexFunc(text, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~') }) >= 0 {
			t.Errorf("got %q", text)
		}
	}
}

func TestRecorderSaysWhatWasCut(t *testing.T) {
	for _, tt := range []struct {
		name       string
		edit       func(*Record)
		head, body bool
	}{
		{"nothing", func(*Record) {}, false, false},
		{"a long head", func(r *Record) { r.Wire.RequestHead = bytes.Repeat([]byte("x"), 9<<10) }, true, false},
		{"half a head", func(r *Record) { r.Wire.RequestHead = []byte("GET / HT") }, true, false},
		{"nothing on the wire", func(r *Record) { r.Wire = nil }, true, false},
		{"a long body", func(r *Record) { r.Received, r.Wire.RequestBody = 1025, bytes.Repeat([]byte("x"), 1024) }, false, true},
		{"a body of a KiB", func(r *Record) { r.Received, r.Wire.RequestBody = 1024, bytes.Repeat([]byte("x"), 1024) }, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := NewRecorder(4<<20, 1, DefaultMasks())
			rec := recordOf(1, 500)
			tt.edit(rec)
			r.Take(0, rec)
			if o, ok := r.Original("5f3a-1-1"); !ok || o.HeadCut != tt.head || o.BodyCut != tt.body {
				t.Errorf("head cut: %v, body cut: %v", o.HeadCut, o.BodyCut)
			}
		})
	}
}

func TestSplitResponse(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct{ name, wire, head, body string }{
		{"nothing", "", "", ""},
		{"no body", ok, ok, ""},
		{"a body", ok + "hello\r\n\r\nx", ok, "hello\r\n\r\nx"},
		{"a long body", ok + strings.Repeat("x", 2000), ok, strings.Repeat("x", 1024)},
		{"half a head", "HTTP/1.1 200 OK\r\nA", "HTTP/1.1 200 OK\r\nA", ""},
		{"interim responses", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "hello", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok, "hello"},
		{"an upgrade", "HTTP/1.1 101 Switching Protocols\r\n\r\nbytes", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "bytes"},
		{"chunks", chunked + "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", chunked, "abcdefg"},
		{"a chunk that is cut", chunked + "3\r\nabc\r\nff\r\ndef", chunked, "abcdef"},
		{"a size that is cut", chunked + "3\r\nabc\r\nf", chunked, "abc"},
		{"a large chunk", chunked + "800\r\n" + strings.Repeat("x", 1100), chunked, strings.Repeat("x", 1024)},
		{"no chunks", chunked + "hello", chunked, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			head, body := SplitResponse([]byte(tt.wire))
			if string(head) != tt.head || string(body) != tt.body {
				t.Errorf("got %q, %q", head, body)
			}
		})
	}
}

// Loops record while somebody reads.
func TestRecorderConcurrently(t *testing.T) {
	r := NewRecorder(0, 2, DefaultMasks())
	var all sync.WaitGroup
	for shard := range 4 {
		all.Go(func() {
			for i := range 2000 {
				r.Take(shard, recordOf(uint32(i), 200+100*(i%4)))
			}
		})
	}
	for range 50 {
		for _, e := range r.Recent(RecentFilter{}, 20) {
			if whole, ok := r.Exchange(e.ID); ok && whole.RequestHead != "GET /a?x=1 HTTP/1.1\nHost: example.org\n\n" {
				t.Errorf("got %q", whole.RequestHead)
			}
		}
		r.KeepAll(noon)
	}
	all.Wait()
}

func TestRecorderDoesNotAllocate(t *testing.T) {
	r := NewRecorder(0, 1, DefaultMasks())
	rec := recordOf(1, 200)
	if n := testing.AllocsPerRun(1000, func() { r.Take(0, rec) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkRecorderTake records a request with a head of 150 bytes and an answer with one of 200, and a body of 1 KiB: one of very many, and one that is kept.
func BenchmarkRecorderTake(b *testing.B) {
	for _, tt := range []struct{ status, body int }{{200, 0}, {200, 1024}, {500, 0}, {500, 1024}} {
		b.Run(fmt.Sprintf("status=%d/body=%d", tt.status, tt.body), func(b *testing.B) {
			body := tt.body
			rec := recordOf(1, tt.status)
			rec.Wire = &Wire{RequestHead: bytes.Repeat([]byte("x"), 150), Response: bytes.Repeat([]byte("x"), 200+body)}
			r := NewRecorder(4<<20, 3, DefaultMasks())
			b.ReportAllocs()
			for b.Loop() {
				r.Take(0, rec)
			}
		})
	}
}
