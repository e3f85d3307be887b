package app

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"highball"
	"highball/internal/config"
)

// largeConfiguration returns the text of a configuration with so many sites, and as many routes of four kinds in each.
func largeConfiguration(sites, routes int) string {
	var b strings.Builder
	b.WriteString("listen = [\"127.0.0.1:0\"]\n[log]\naccess = \"off\"\n")
	for site := range sites {
		fmt.Fprintf(&b, "\n[[site]]\nhosts = [\"www%d.example.org\"]\n", site)
		for route := range routes {
			b.WriteString("\n  [[site.route]]\n")
			switch route % 4 {
			case 0:
				fmt.Fprintf(&b, "  path = \"/page%d\"\n  respond = \"page %d of site %d\"\n", route, route, site)
			case 1:
				fmt.Fprintf(&b, "  path = \"/old/r%d/\"\n  redirect = \"/new/r%d/\"\n", route, route)
			case 2:
				fmt.Fprintf(&b, "  path = \"/gone/r%d/\"\n  status = 410\n", route)
			default:
				fmt.Fprintf(&b, "  path = \"/api/r%d\"\n  methods = [\"POST\"]\n  respond = \"posted\"\n", route)
			}
		}
	}
	return b.String()
}

// writeLarge writes a large configuration and returns its path.
func writeLarge(tb testing.TB, sites, routes int) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), FileName)
	if err := os.WriteFile(path, []byte(largeConfiguration(sites, routes)), 0o644); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Among many sites and routes each request comes to the one that it is for.
func TestLargeConfiguration(t *testing.T) {
	c, err := config.Load(writeLarge(t, 50, 40))
	if err != nil {
		t.Fatal(err)
	}
	l := run(t, c)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	for _, tt := range []struct {
		method, host, path string
		status             int
		want               string // the body, or where it leads to
	}{
		{"GET", "www0.example.org", "/page0", 200, "page 0 of site 0"},
		{"GET", "www49.example.org", "/page36", 200, "page 36 of site 49"},
		{"GET", "WWW7.example.org:80", "/page8", 200, "page 8 of site 7"},
		{"GET", "www7.example.org", "/old/r5/a/b?c", 307, "/new/r5/a/b?c"},
		{"GET", "www7.example.org", "/gone/r6/a", 410, ""},
		{"POST", "www7.example.org", "/api/r7", 200, "posted"},
		{"GET", "www7.example.org", "/api/r7", 405, ""},
		{"GET", "www7.example.org", "/page9", 404, ""},
		{"GET", "www50.example.org", "/page0", 404, ""},
	} {
		r, err := http.NewRequest(tt.method, "http://"+l.addr+tt.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
		got := res.Header.Get("Location")
		if got == "" {
			got = string(body)
		}
		if err != nil || res.StatusCode != tt.status || tt.want != "" && got != tt.want {
			t.Errorf("%s %s%s: %s %q, %v; want %d %q", tt.method, tt.host, tt.path, res.Status, got, err, tt.status, tt.want)
		}
	}
}

// A route costs few allocations when a configuration is read and opened, of which there may be hundreds of thousands: what is alike in all
// is made once, and what each needs is cut from larger pieces.
func TestLargeConfigurationAllocates(t *testing.T) {
	const sites, routes, most = 20, 100, 10.
	path := writeLarge(t, sites, routes)
	all := testing.AllocsPerRun(2, func() {
		c, err := config.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	})
	if each := all / (sites * routes); each > most {
		t.Errorf("%.1f allocations for each of %d routes, want at most %v", each, sites*routes, most)
	}
}

// A server that can read its configuration again does not keep the routes, but for what they lead to.
func TestRoutesAreNotKept(t *testing.T) {
	path := writeLarge(t, 2, 4)
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(c, Env{Stdout: io.Discard, Stderr: io.Discard})
	a.source = source{file: path}
	if err := a.load(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	g := a.front.current.Load()
	if len(g.config.Sites) != 2 || g.config.Sites[0].Routes != nil || g.sites.places != nil {
		t.Errorf("%d sites, the first with %d routes, and %d places", len(g.config.Sites), len(g.config.Sites[0].Routes), len(g.sites.places))
	}
	if len(c.Sites[0].Routes) != 4 {
		t.Error("who has made the configuration has lost its routes, too")
	}
}

// BenchmarkLargeConfiguration shows what a reload of 1,000 sites with 100 routes each takes, but for the shutting down of what was there before.
func BenchmarkLargeConfiguration(b *testing.B) {
	path := writeLarge(b, 1000, 100)
	var reading, building time.Duration
	for b.Loop() {
		begun := time.Now()
		c, err := config.Load(path)
		if err != nil {
			b.Fatal(err)
		}
		read := time.Now()
		a, err := Build(c, Env{Stdout: io.Discard, Stderr: io.Discard})
		if err != nil {
			b.Fatal(err)
		}
		reading += read.Sub(begun)
		building += time.Since(read)
		b.StopTimer()
		if err := a.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(reading.Seconds()/float64(b.N), "s/parse")
	b.ReportMetric(building.Seconds()/float64(b.N), "s/build")
}

// held are requests that a server has begun to answer, on a connection each, and that remain so until a test is done with them.
type held struct {
	mu       sync.Mutex // guards the following field
	requests []*highball.Request
	wanted   int
	all      chan struct{} // closed when there are as many as were wanted
	over     chan struct{} // closed by the test
}

// Serve implements highball.Handler.
func (h *held) Serve(_ *highball.Response, r *highball.Request) error {
	h.mu.Lock()
	h.requests = append(h.requests, r)
	if len(h.requests) == h.wanted {
		close(h.all)
	}
	h.mu.Unlock()
	<-h.over
	return nil
}

// hold has a server begin to answer a request for a path of each of some hosts, and returns these requests. They are the caller's until
// the test ends.
func hold(tb testing.TB, method, path string, hosts []string) []*highball.Request {
	tb.Helper()
	h := &held{wanted: len(hosts), all: make(chan struct{}), over: make(chan struct{})}
	srv := &highball.Server{Handler: h, Deadlines: highball.Deadlines{Handler: -1}}
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run() }()
	var clients []net.Conn
	tb.Cleanup(func() {
		close(h.over)
		for _, c := range clients {
			if err := c.Close(); err != nil {
				tb.Error(err)
			}
		}
		if err := errors.Join(srv.Close(), closedInOrder(<-ended)); err != nil {
			tb.Error(err)
		}
	})
	for _, host := range hosts {
		c, err := net.Dial("tcp", addr.String())
		if err != nil {
			tb.Fatal(err)
		}
		clients = append(clients, c)
		if _, err := fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, path, host); err != nil {
			tb.Fatal(err)
		}
	}
	select {
	case <-h.all:
	case <-time.After(20 * time.Second):
		tb.Fatal("the requests do not arrive")
	}
	return h.requests
}

// found counts the requests that it is chosen for.
type found struct{ n int }

// Serve implements highball.Handler.
func (f *found) Serve(*highball.Response, *highball.Request) error {
	f.n++
	return nil
}

// largeMux returns a Mux of 1,000 hosts with 100 routes each, all of which lead to f.
func largeMux(tb testing.TB, f *found) *highball.Mux {
	tb.Helper()
	mux := highball.NewMux()
	for host := range 1000 {
		for route := range 25 {
			for _, pattern := range []string{"www%d.example.org/page%d", "www%d.example.org/static/r%d/", "POST www%d.example.org/api/r%d", "www%d.example.org/users/{id}/r%d"} {
				if err := mux.Handle(fmt.Sprintf(pattern, host, route), f); err != nil {
					tb.Fatal(err)
				}
			}
		}
	}
	return mux
}

// muxRequests are for routes of each kind.
func muxRequests() []struct{ name, method, path string } {
	return []struct{ name, method, path string }{
		{"exact", "GET", "/page24"},
		{"subtree", "GET", "/static/r7/css/site.css"},
		{"method", "POST", "/api/r24"},
		{"wildcard", "GET", "/users/1234/r24"},
	}
}

// severalHosts returns hosts of the large Mux, far from each other in memory.
func severalHosts(n int) (hosts []string) {
	for i := range n {
		hosts = append(hosts, fmt.Sprintf("www%d.example.org", i*7919%1000))
	}
	return hosts
}

// Choosing among 100,000 routes allocates nothing.
func TestMuxDoesNotAllocate(t *testing.T) {
	var f found
	mux := largeMux(t, &f)
	for _, tt := range muxRequests() {
		requests := hold(t, tt.method, tt.path, severalHosts(4))
		i := 0
		n := testing.AllocsPerRun(100, func() {
			if err := mux.Serve(nil, requests[i%len(requests)]); err != nil {
				t.Error(err)
			}
			i++
		})
		if n != 0 {
			t.Errorf("%s %s: %v allocations, want none", tt.method, tt.path, n)
		}
		if f.n != i {
			t.Errorf("%s %s: a route was found for %d of %d requests", tt.method, tt.path, f.n, i)
		}
		f.n = 0
	}
}

func BenchmarkMux(b *testing.B) {
	var f found
	mux := largeMux(b, &f)
	for _, bb := range muxRequests() {
		b.Run(bb.name, func(b *testing.B) {
			requests := hold(b, bb.method, bb.path, severalHosts(200))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if err := mux.Serve(nil, requests[i%len(requests)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}
