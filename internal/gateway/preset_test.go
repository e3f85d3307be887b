package gateway

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"net/netip"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// decodeOwn returns what a request tells beside its preset, by the names in the environ, and the place of that preset.
func decodeOwn(t *testing.T, blob []byte) (place int, own map[string]string) {
	t.Helper()
	value, rest, err := decodeMarshal(blob)
	tuple, ok := value.([]any)
	if err != nil || len(rest) > 0 || !ok || len(tuple) != 7 {
		t.Fatalf("%v, %d bytes more, a tuple of %d: %q", err, len(rest), len(tuple), blob)
	}
	own = make(map[string]string)
	for i, key := range []string{"PATH_INFO", "QUERY_STRING", "RAW_URI", "REMOTE_PORT", "HTTP_X_REQUEST_ID", "CONTENT_LENGTH"} {
		if s, ok := tuple[i+1].(string); ok {
			own[key] = s
		}
	}
	number, ok := tuple[0].(int32)
	if !ok {
		t.Fatalf("the place is %#v", tuple[0])
	}
	return int(number), own
}

// A request of which the same was asked twice tells with its preset what one without tells.
func TestPresetTellsTheSame(t *testing.T) {
	for _, raw := range []string{
		"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n",
		"GET /mount/caf%C3%A9?x=1&y HTTP/1.1\r\nHost: a.example:81\r\nX-One: 1\r\nx_two: 2\r\nX-One: 3\r\nCookie: a\r\nCookie: b\r\nProxy: evil\r\nX-Latin: \xe9\r\n\r\n",
		"GET /mounted HTTP/1.0\r\n\x41: b\r\n\r\n",
		"POST /mount HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\nabc",
		"POST /mount/ HTTP/1.1\r\nHost: a.example\r\nContent-Length: 0\r\n\r\n",
		"POST /mount/ HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
		"GET /mount HTTP/1.1\r\nHost: a.example\r\nX-Request-ID: theirs\r\n\r\n",
	} {
		withRequest(t, servertest.Goroutine, raw, func(r *highball.Request) {
			ts := presets{seed: maphash.MakeSeed()}
			var key []byte
			for n := range 4 {
				var p *preset
				p, key = ts.presetOf(key, marshalCodec, r, "/mount")
				if (p != nil) != (n > 0) {
					t.Errorf("%q: a preset for request %d: %v", raw, n+1, p != nil)
					return // and end the request
				}
				if p == nil {
					continue
				}
				bodies := []int64{3, 7}
				if r.ContentLength() == 0 {
					bodies = []int64{0}
				}
				for _, size := range bodies {
					want := decodeEnviron(t, marshalCodec, appendEnviron(nil, marshalCodec, r, []byte("id-1"), "/mount", bodyLength(r, size)))
					got := decodeEnviron(t, marshalCodec, p.frame[frameHeader:])
					if size == 0 && p.noLength {
						size = -1
					}
					place, own := decodeOwn(t, p.appendOwn(nil, marshalCodec, r, []byte("id-1"), "/mount", size))
					for name, value := range own {
						got[name] = value
					}
					if fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%q:\n got %v\nwant %v", raw, got, want)
					}
					if place != int(p.place) || p.frame[12] != presetFrame || int(p.frame[4])+int(p.frame[5])<<8 != place {
						t.Errorf("%q: places %d, %d, and %v", raw, place, p.place, p.frame[:frameHeader])
					}
				}
			}
		})
	}
}

// What requests differ in they do not share, and what a handler has changed is not taken from the wire.
func TestPresetKeys(t *testing.T) {
	const plain = "GET /mount/a HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n"
	ts := presets{seed: maphash.MakeSeed()}
	keys := make(map[string]string)
	ask := func(name, raw, mount string, change func(r *highball.Request)) {
		withRequest(t, servertest.Goroutine, raw, func(r *highball.Request) {
			change(r)
			for range 2 {
				p, key := ts.presetOf(nil, marshalCodec, r, mount)
				if other, known := keys[string(key)]; known && other != name {
					t.Errorf("%s is taken for %s", name, other)
				}
				keys[string(key)] = name
				if p != nil && !bytes.Equal(p.key, key) {
					t.Errorf("%s gets another's preset", name)
				}
			}
		})
	}
	none := func(*highball.Request) {}
	ask("plain", plain, "/mount", none)
	ask("no script", plain, "", none)
	ask("no script", "GET /other HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n", "/mount", none)
	ask("another method", "PUT"+plain[3:], "/mount", none)
	ask("another version", "GET /mount/a HTTP/1.0\r\nHost: a.example\r\nA: b\r\n\r\n", "/mount", none)
	ask("another value", "GET /mount/a HTTP/1.1\r\nHost: a.example\r\nA: c\r\n\r\n", "/mount", none)
	ask("another client", plain, "/mount", func(r *highball.Request) { r.SetClient(netip.MustParseAddrPort("192.0.2.9:1"), "", "") })
	ask("another IPv6 client", plain, "/mount", func(r *highball.Request) { r.SetClient(netip.MustParseAddrPort("[2001:db8::1]:1"), "", "") })
	ask("another scheme", plain, "/mount", func(r *highball.Request) { r.SetClient(netip.AddrPort{}, "https", "") })
	ask("a user", plain, "/mount", func(r *highball.Request) { r.SetUser("somebody") })
	for name, change := range map[string]func(r *highball.Request){
		"set":         func(r *highball.Request) { r.Header().Set("A", "c") },
		"set anew":    func(r *highball.Request) { r.Header().Set("New", "c") },
		"added":       func(r *highball.Request) { r.Header().Add("A", "c") },
		"deleted":     func(r *highball.Request) { r.Header().Del("A") },
		"reset":       func(r *highball.Request) { r.Header().Reset() },
		"another one": func(r *highball.Request) { r.SetClient(r.RemoteAddr(), "https", "b.example") },
	} {
		withRequest(t, servertest.Goroutine, plain, func(r *highball.Request) {
			change(r)
			for range 3 {
				if p, _ := ts.presetOf(nil, marshalCodec, r, "/mount"); p != nil {
					t.Errorf("%s: it has a preset", name)
				}
			}
		})
	}
	for name, raw := range map[string]string{
		"an absolute target": "GET http://a.example/mount/a HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n",
		"no target":          "OPTIONS * HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n",
		"too long":           "GET / HTTP/1.1\r\nHost: a.example\r\nA: " + string(bytes.Repeat([]byte("b"), presetLongest)) + "\r\n\r\n",
		"no fields":          "GET / HTTP/1.0\r\n\r\n",
	} {
		withRequest(t, servertest.Goroutine, raw, func(r *highball.Request) {
			for range 3 {
				if p, _ := ts.presetOf(nil, marshalCodec, r, "/mount"); p != nil {
					t.Errorf("%s: it has a preset", name)
				}
				if p, _ := ts.presetOf(nil, plainCodec, r, "/mount"); p != nil {
					t.Error("there are presets in the plain form")
				}
			}
		})
	}
}

// What was kept of a key is not what stands in its memory later, and another of the same hash is another.
func TestPresetKeepsItsKey(t *testing.T) {
	ts := presets{seed: maphash.MakeSeed()}
	key := make([]byte, 0, 1000)
	find := func(value string) (p *preset) {
		withRequest(t, servertest.Goroutine, "GET / HTTP/1.1\r\nHost: a.example\r\nA: "+value+"\r\n\r\n", func(r *highball.Request) {
			if p, _ := ts.presetOf(nil, plainCodec, r, ""); p != nil {
				t.Error("there are presets in the plain form")
			}
			p, key = ts.presetOf(key, marshalCodec, r, "")
		})
		return p
	}
	find("b")
	first := find("b")
	find("c")
	second := find("c")
	if first == nil || second == nil || find("b") != first || find("c") != second {
		t.Errorf("%p, then %p; %p, then %p", first, find("b"), second, find("c"))
	}
	key = nil // other memory than that in which the keys were made
	if find("b") != first {
		t.Error("the key was not kept")
	}
	other := &preset{key: []byte("another"), hash: first.hash, place: first.place}
	ts.put(other)
	if p := find("b"); p == other {
		t.Error("another's of the same hash is found")
	}
}

// A preset in use keeps its place; one that is not leaves it to another that comes again.
func TestPresetPlaces(t *testing.T) {
	ts := presets{seed: maphash.MakeSeed()}
	key := func(n int) []byte { return fmt.Appendf(nil, "key %d", n) }
	place := func(n int) uint64 { return maphash.Bytes(ts.seed, key(n)) % presetPlaces }
	other := 1
	for place(other) != place(0) {
		other++
	}
	find := func(n int) string {
		p, hash, worth := ts.find(key(n))
		switch {
		case worth:
			ts.put(&preset{key: key(n), hash: hash, place: uint16(hash % presetPlaces)})
			return "put"
		case p == nil:
			return "none"
		case !bytes.Equal(p.key, key(n)):
			t.Errorf("%q is found for %q", p.key, key(n))
		}
		return "found"
	}
	for i, step := range []struct {
		n    int
		want string
	}{
		{0, "none"}, {0, "put"}, {0, "found"},
		{other, "none"}, {other, "none"}, // the place is in use
		{0, "found"}, {other, "none"}, {0, "found"}, // and goes on being so
		{other, "none"}, {other, "put"}, {other, "found"}, // it is no more
		{0, "none"}, {0, "put"}, {0, "found"},
	} {
		if got := find(step.n); got != step.want {
			t.Errorf("step %d: key %d: %s, not %s", i, step.n, got, step.want)
		}
	}
	for n := range 10_000 { // whatever comes, there are no more
		for range 3 {
			find(n)
		}
	}
}

// To find a preset and to write what it does not have allocates nothing.
func BenchmarkPreset(b *testing.B) {
	withRequest(b, servertest.Goroutine, "GET /some/path?query HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n", func(r *highball.Request) {
		ts := presets{seed: maphash.MakeSeed()}
		var key, dst []byte
		b.ReportAllocs()
		for b.Loop() {
			var p *preset
			if p, key = ts.presetOf(key, marshalCodec, r, ""); p != nil {
				dst = p.appendOwn(dst[:0], marshalCodec, r, []byte("5f3a9c01-1b-3"), "", -1)
			}
		}
	})
}
