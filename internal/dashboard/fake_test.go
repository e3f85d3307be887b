package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/admin"
	"highball/internal/dashboard"
)

// hostile is a text that a client might choose: markup, an escape, and a change of the direction of writing.
const hostile = "/<img src=x onerror=alert(1)>\"'&amp;\a\u202e</td><script>alert(2)</script>"

// fake is a server's control interface with made-up data that moves. The second that it is at is the test's to move, or moves by itself.
type fake struct {
	pid   int
	token string // "" for none
	addr  string
	idle  atomic.Bool // nothing happens, and nothing has

	mu      sync.Mutex // guards the following fields
	now     int64
	changed chan struct{} // closed when now changes
	asked   []string      // the requests but those that only look
	killed  map[string]bool
	queries []string // of the streams of the log

	server *http.Server
	end    context.CancelFunc
	ended  sync.WaitGroup
}

const epoch = 1_790_000_000 // the fake's clock at its start, Unix seconds

// newFake starts a server; an address in use before, or "", is where. A pace makes its clock move.
func newFake(t *testing.T, pid int, addr, token string, pace time.Duration) *fake {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fake{pid: pid, token: token, addr: l.Addr().String(), now: epoch, changed: make(chan struct{}), killed: map[string]bool{}, end: cancel}
	f.server = &http.Server{Handler: f.handler(), BaseContext: func(net.Listener) context.Context { return ctx }}
	f.ended.Go(func() { _ = f.server.Serve(l) })
	if pace > 0 {
		f.ended.Go(func() {
			ticker := time.NewTicker(pace)
			defer ticker.Stop()
			for {
				select {
				case <-ticker.C:
					f.advance(1)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	t.Cleanup(f.stop)
	return f
}

// stop ends the server as a crash would: connections are cut.
func (f *fake) stop() {
	f.end()
	_ = f.server.Close()
	f.ended.Wait()
}

// advance moves the clock.
func (f *fake) advance(seconds int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now += seconds
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *fake) clock() (int64, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now, f.changed
}

func (f *fake) note(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, what)
}

// notes returns what was asked for up to now.
func (f *fake) notes() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.asked, "; ")
}

func (f *fake) lastQuery() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queries) == 0 {
		return ""
	}
	return f.queries[len(f.queries)-1]
}

func (f *fake) handler() http.Handler {
	api := http.NewServeMux()
	get := func(pattern string, answer func(r *http.Request) any) {
		api.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			a := answer(r)
			w.Header().Set("Content-Type", "application/json")
			if refused, ok := a.(*admin.Refused); ok {
				w.WriteHeader(refused.Status)
				a = admin.Failure{Errors: refused.Lines}
			}
			_ = json.NewEncoder(w).Encode(a)
		})
	}
	get("GET /status", func(*http.Request) any {
		now, _ := f.clock()
		return admin.Status{Version: "v1.2.3", PID: f.pid, State: "serving", Started: time.Unix(epoch-8000, 0), Uptime: float64(now - epoch + 8000), Reloads: 2,
			Configuration: "/srv/shop/highball.toml", Listeners: []admin.Listener{{Address: "127.0.0.1:8000", Bound: "127.0.0.1:8000"}}}
	})
	get("GET /requests", func(*http.Request) any { return f.requests() })
	get("GET /requests/{id}/stack", func(r *http.Request) any { return f.stack(r.PathValue("id")) })
	get("POST /requests/{id}/kill", func(r *http.Request) any {
		f.note("kill " + r.PathValue("id"))
		f.mu.Lock()
		f.killed[r.PathValue("id")] = true
		f.mu.Unlock()
		return admin.Killed{ID: r.PathValue("id")}
	})
	get("GET /workers", func(*http.Request) any { return f.workers() })
	get("GET /statistics", func(*http.Request) any { return f.statistics() })
	get("GET /history", func(r *http.Request) any {
		n, _ := strconv.ParseInt(r.FormValue("seconds"), 10, 64)
		now, _ := f.clock()
		h := admin.History{Ticks: []admin.Tick{}}
		for t := max(now-n, epoch-3600); t < now; t++ {
			if !f.idle.Load() {
				h.Ticks = append(h.Ticks, tickAt(t))
			}
		}
		return h
	})
	get("GET /recent", func(r *http.Request) any {
		if r.FormValue("status") == "418" || f.idle.Load() {
			return admin.Recent{Exchanges: []admin.Exchange{}}
		}
		return admin.Recent{Exchanges: []admin.Exchange{exchange("r1", "GET", 200), exchange("r2", "POST", 504), exchange("r3", "GET", 500)}}
	})
	get("GET /recent/{id}", func(r *http.Request) any {
		e := exchange(r.PathValue("id"), map[bool]string{true: "POST", false: "GET"}[r.PathValue("id") == "r2"], 504)
		e.RequestHead = "GET " + hostile + " HTTP/1.1\r\nHost: shop.example\r\nAuthorization: ***\r\n\r\n"
		e.ResponseHead = "HTTP/1.1 504 Gateway Timeout\r\nContent-Type: text/html\r\n\r\n"
		e.ResponseBody = []byte("<h1>Gateway Timeout</h1>")
		e.RequestBody = []byte{0, 1, 2, 255}
		e.Stack = "File \"/srv/shop/views.py\", line 41, in checkout\n    time.sleep(60)"
		return e
	})
	get("POST /recent/{id}/replay", func(r *http.Request) any {
		var o admin.ReplayOrder
		_ = json.NewDecoder(r.Body).Decode(&o)
		f.note(fmt.Sprintf("replay %s %v", r.PathValue("id"), o.Force))
		if r.PathValue("id") == "r2" && !o.Force {
			return &admin.Refused{Status: 409, Lines: []string{"POST is not safe to send again"}}
		}
		return admin.Replayed{ID: "new", Status: 200, Before: 504, Duration: 0.012, Head: "HTTP/1.1 200 OK\r\n\r\n", Body: []byte("fine")}
	})
	get("POST /recent/record", func(*http.Request) any { f.note("record"); return struct{}{} })
	get("GET /configuration", func(*http.Request) any {
		if f.idle.Load() {
			return admin.Configuration{}
		}
		return admin.Configuration{File: "/srv/shop/highball.toml", Text: "# The shop\nlisten = [\"127.0.0.1:8000\"]\n\n[app.shop]\nwsgi = \"shop.wsgi:application\"\nworkers = 4\n" +
			"env = { SECRET = \"***\" } # " + hostile + "\n\n[[site]]\nroot = \"public\"\n\n  [[site.route]]\n  path = \"/api/\"\n  app = \"shop\"\n"}
	})
	api.HandleFunc("GET /events", f.events)
	page := highball.ToHTTP(dashboard.New())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, "/assets/"):
			page.ServeHTTP(w, r)
		case f.token != "" && r.Header.Get("Authorization") != "Bearer "+f.token:
			w.WriteHeader(401)
			_, _ = w.Write([]byte(`{"errors": ["a token is wanted"]}`))
		default:
			api.ServeHTTP(w, r)
		}
	})
}

// events is the stream. Ticks and lines of the log are made as fast as the clock moves.
func (f *fake) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	withLog := r.FormValue("log") == "1"
	if withLog {
		f.mu.Lock()
		f.queries = append(f.queries, r.URL.RawQuery)
		f.mu.Unlock()
	}
	send := func(name string, message any) {
		text, _ := json.Marshal(message)
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text)
	}
	send("hello", admin.Hello{Version: "v1.2.3", PID: f.pid, Started: time.Unix(epoch-8000, 0)})
	at, changed := f.clock()
	for {
		for now, _ := f.clock(); at < now; at++ {
			send("tick", tickAt(at))
			if line := logLine(at); withLog && now-at <= 600 && passes(line, r) { // the rest would come too fast
				send("log", line)
			}
		}
		w.(http.Flusher).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
		_, changed = f.clock()
	}
}

// wave is something between 0 and 1 that goes up and down, with noise.
func wave(t int64, period float64, salt int64) float64 {
	x := uint64(t)*0x9e3779b97f4a7c15 + uint64(salt)
	x = (x ^ x>>31) * 0xbf58476d1ce4e5b9
	noise := float64(x>>40&1023) / 1023
	return 0.5 + 0.4*math.Sin(2*math.Pi*float64(t)/period+float64(salt)) + 0.1*(noise-0.5)
}

var bounds = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func tickAt(t int64) admin.Tick {
	n := int64(180 + 420*wave(t, 700, 1))
	slow := wave(t, 400, 3)
	slow *= slow * slow
	failed := int64(0)
	if slow > 0.55 {
		failed = int64(14 * slow)
	}
	k := admin.Tick{
		Time: t, Requests: n, Status: map[string]int64{"2xx": n - n/40 - failed, "4xx": n / 40},
		Phases: map[string]float64{"head": .00004, "body": .0004, "queue": .004 + .06*slow, "app": .012 + .02*slow, "stream": .0015, "send": .0009},
		P50:    .009 * (1 + slow), P90: .03 * (1 + 4*slow), P99: .12 * (1 + 6*slow), P999: .3 * (1 + 7*slow), Sent: n * 9000,
		InFlight: 3 + int64(20*slow), Waiting: int(12 * slow), Open: int(90 + 60*wave(t, 900, 2)),
	}
	if failed > 0 {
		k.Status["5xx"] = failed
	}
	for p := range k.Phases {
		k.Phases[p] *= float64(n)
	}
	for i := range len(bounds) + 1 {
		d := float64(i) - 5 - 2.5*slow
		share := math.Exp(-d*d/4) + .04*math.Exp(-(d-4)*(d-4)/3)
		k.Latency = append(k.Latency, int64(float64(n)*share/3.6))
	}
	return k
}

func logLine(t int64) map[string]any {
	status, target, method := 200, fmt.Sprintf("/api/items/%d", t%97), "GET"
	switch {
	case t%11 == 3:
		status, method, target = 502, "POST", "/api/checkout"
	case t%7 == 2:
		status, target = 404, hostile
	}
	return map[string]any{
		"time": time.Unix(t, 0).UTC().Format(time.RFC3339Nano), "id": fmt.Sprint("q", t), "remote": fmt.Sprintf("10.0.%d.7", t%5), "port": 4711, "user": "", "host": "shop.example",
		"method": method, "target": target, "protocol": "HTTP/1.1", "status": status, "bytes": 5120, "duration": .013 + float64(t%13)/500,
		"phases":  map[string]float64{"head": .0001, "body": 0, "queue": .002, "app": .01, "stream": 0, "send": float64(t%13) / 500},
		"referer": "", "user_agent": "Mozilla/5.0 (caf\u00c3\u00a9) " + hostile, "aborted": false,
	}
}

func passes(line map[string]any, r *http.Request) bool {
	status := fmt.Sprint(line["status"])
	want := r.FormValue("status")
	return (want == "" || want == status || strings.HasSuffix(want, "xx") && want[0] == status[0]) &&
		(r.FormValue("method") == "" || r.FormValue("method") == line["method"]) &&
		strings.HasPrefix(line["target"].(string), r.FormValue("path")) && strings.HasPrefix(line["remote"].(string), r.FormValue("client"))
}

func (f *fake) requests() admin.Requests {
	now, _ := f.clock()
	f.mu.Lock()
	defer f.mu.Unlock()
	out := admin.Requests{Requests: []admin.Request{}}
	if f.idle.Load() {
		return out
	}
	add := func(id, method, target, phase string, age float64, worker int) {
		if f.killed[id] {
			return
		}
		q := admin.Request{ID: id, Client: "192.0.2.17", Method: method, Target: target, Host: "shop.example", Route: admin.Route{Path: "/api/"}, Phase: phase, InPhase: age * .98, Age: age}
		if worker > 0 {
			q.App, q.Worker, q.PID = "shop", worker, 41000+worker
		}
		out.Requests = append(out.Requests, q)
	}
	add("stuck", "POST", "/api/checkout?token=***", "app", 12.4+float64(now-epoch), 3)
	add("evil", "GET", hostile, "app", 6.1, 2)
	add("download", "GET", "/files/catalogue-2026.pdf", "send", 4.2, 0)
	for i := range 2 + now%4 {
		add(fmt.Sprint("short", now, i), "GET", fmt.Sprintf("/api/items/%d", 31+i), []string{"queue", "app", "stream"}[i%3], .08-float64(i)/100, int(i%3+1)*int(i%2))
	}
	return out
}

func (f *fake) stack(id string) any {
	switch id {
	case "stuck", "evil":
		return admin.Stack{ID: id, App: "shop", Worker: 3, PID: 41003, Taken: time.Unix(epoch, 0), Line: "shop/views.py:41 in checkout",
			Text: "Thread 0x7f2c (request " + id + "):\n  File \"worker.py\", line 310, in serve\n  File \"/srv/shop/wsgi.py\", line 12, in application\n" +
				"  File \"/srv/shop/shop/views.py\", line 41, in checkout\n    time.sleep(60)\n  <b>" + hostile + "</b>\n"}
	case "download":
		return &admin.Refused{Status: 409, Lines: []string{"the request is not at a Python worker at the moment: it is in the phase send"}}
	}
	return &admin.Refused{Status: 404, Lines: []string{"no such request"}}
}

func (f *fake) workers() admin.Workers {
	if f.idle.Load() {
		return admin.Workers{Applications: []admin.Application{}}
	}
	now, _ := f.clock()
	app := admin.Application{Name: "shop", Target: "shop.wsgi:application", Interpreter: "/srv/shop/.venv/bin/python3", Python: "CPython 3.12.4", Threads: 1, Waiting: int(now % 5)}
	for i := range 4 {
		app.Workers = append(app.Workers, admin.Worker{Number: i + 1, PID: 41001 + i, State: "serving", Requests: (now-epoch)*40 + int64(i*3111), InFlight: (i + int(now)) % 2,
			Memory: int64(58+7*i) << 20, Age: float64(now-epoch) + 7350*float64(i+1)})
	}
	return admin.Workers{Applications: []admin.Application{app}}
}

func (f *fake) statistics() admin.Statistics {
	now, _ := f.clock()
	s := admin.Statistics{
		Window: 60, Totals: admin.Totals{Requests: (now - epoch) * 400, Sent: 9 << 30, Received: 700 << 20},
		Connections: admin.Connections{Idle: 88, Reading: 2, Handling: 7, Sending: 3, Accepted: 120034, Refused: 2},
		Loops:       []admin.Loop{{Connections: 51, Lag: .0011}, {Connections: 49, Lag: .0009}}, Buckets: bounds,
	}
	if f.idle.Load() {
		s.Routes, s.Clients = []admin.RouteStat{}, []admin.TopClient{}
		return s
	}
	for i, path := range []string{"/api/", "/", "/static/", "/api/checkout", "/admin/", "/files/", hostile} {
		x := float64(i + 1)
		s.Routes = append(s.Routes, admin.RouteStat{
			Route: admin.Route{Path: path}, Requests: int64(14000 / (x * x)), Errors: int64(i % 3 * 7), Sent: int64(9e6 / x), P50: .004 * x, P90: .011 * x, P99: .05 * x * x, P999: .2 * x,
			Phases: map[string]float64{"head": .0001, "body": .0002 * x, "queue": .001 * x, "app": .004 * x, "stream": .0008, "send": .0005 * float64(i%4)},
		})
	}
	for i := range 12 {
		s.Clients = append(s.Clients, admin.TopClient{Address: fmt.Sprintf("192.0.2.%d", 10+i), Requests: int64(9000 / (i + 1)), Sent: int64(90e6 / float64(i+1))})
	}
	return s
}

func exchange(id, method string, status int) admin.Exchange {
	return admin.Exchange{ID: id, Time: time.Unix(epoch, 0), Client: "192.0.2.9", Method: method, Target: "/api/checkout" + map[bool]string{true: hostile}[id == "r3"], Host: "shop.example",
		Route: admin.Route{Path: "/api/"}, Status: status, Duration: 30.002, Phases: map[string]float64{"head": .0002, "queue": .8, "app": 29.2, "send": .001}, Sent: 512, Received: 40,
		Kept: status >= 500, Stack: map[bool]string{true: "File \"a.py\""}[status == 504]}
}
