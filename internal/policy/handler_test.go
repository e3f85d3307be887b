package policy

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// A Config that says nothing costs nothing.
func TestNothingToSay(t *testing.T) {
	next := new(inner)
	for name, cfg := range map[string]Config{
		"zero": {}, "no addresses": {Access: &Access{}}, "a prefix of nothing": {StripPrefix: "/"}, "means without an end": {Shared: new(Shared), Clock: time.Now},
	} {
		if h, err := New(cfg, next); err != nil || h != highball.Handler(next) {
			t.Errorf("%s: got %v, %v", name, h, err)
		}
	}
}

// Of several conditions that refuse a request the first one answers it.
func TestOrder(t *testing.T) {
	users := file(t, someUsers)
	maintenance := &Maintenance{}
	access := &Access{Deny: prefixList(t, "192.0.2.1/32")}
	auth := &Auth{users, "r"}
	cors := &CORS{Origins: []string{"https://a.example"}}
	rate := func(key Key) *Rate { return &Rate{Requests: 1, Per: time.Hour, Key: key} }
	const preflight = "OPTIONS /"
	tests := []struct {
		name   string
		cfg    Config
		line   string
		fields []string
		want   []int // one answer after another
	}{
		{"maintenance, access", Config{Maintenance: maintenance, Access: access}, "GET /", nil, []int{503}},
		{"access, rate", Config{Access: access, Rate: rate(Address())}, "GET /", nil, []int{403, 403}},
		{"rate, preflight", Config{Rate: rate(Address()), CORS: cors}, preflight, nil, []int{204, 429}},
		{"rate, user", Config{Rate: rate(Address()), Auth: auth}, "GET /", nil, []int{401, 429}},
		{"rate, user who is known", Config{Rate: rate(Address()), Auth: auth}, "GET /", []string{basic("ann:secret")}, []int{200, 429}},
		{"rate, wrong password", Config{Rate: rate(Address()), Auth: auth}, "GET /", []string{basic("ann:wrong")}, []int{401, 429}},
		{"preflight, user", Config{CORS: cors, Auth: auth}, preflight, nil, []int{204}},
		{"preflight, rate of the user", Config{CORS: cors, Rate: rate(User())}, preflight, nil, []int{204, 204}},
		{"user, rate of the user", Config{Auth: auth, Rate: rate(User())}, "GET /", nil, []int{401, 401}},
		{"user, rate of the user who is known", Config{Auth: auth, Rate: rate(User())}, "GET /", []string{basic("ann:secret")}, []int{200, 429}},
		{"rate of the user, body", Config{Rate: rate(User()), MaxBody: ptr[int64](1)}, "POST /", []string{"Content-Length: 2"}, []int{413, 429}},
		{"user, body", Config{Auth: auth, MaxBody: ptr[int64](1)}, "POST /", []string{"Content-Length: 2"}, []int{401}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
				test.cfg.Clock = newClock().time
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, test.cfg, made(new(inner)))})
				fields := test.fields
				if test.line == preflight {
					fields = []string{"Origin: https://a.example", "Access-Control-Request-Method: PUT"}
				}
				for n, want := range test.want {
					if got := ask(t, s, test.line, fields...); got.Status != want {
						t.Errorf("answer %d: %d, want %d", n, got.Status, want)
					}
				}
			})
		})
	}
}

func TestStripPrefix(t *testing.T) {
	tests := []struct{ prefix, target, want string }{
		{"/api", "/api/x?y=1", "/x?y=1"},
		{"/api/", "/api/x", "/x?"},
		{"/api", "/api/", "/?"},
		{"/api", "/api", "/?"},
		{"/api", "/apix", "/apix?"},
		{"/api", "/other", "/other?"},
		{"/a/b", "/a/b/c/", "/c/?"},
		{"/a/b", "/a/x", "/a/x?"},
		{"/a b", "/a%20b/c%2Fd", "/c/d?"},
		{"/api", "/api/%3Fx", "/?x?"},
		{"/api", "/%61pi/x", "/x?"},
	}
	for _, test := range tests {
		t.Run(test.prefix+" "+test.target, func(t *testing.T) {
			ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{StripPrefix: test.prefix}, made(new(inner)))})
				if got := ask(t, s, "GET "+test.target); got.Body != test.want+" " {
					t.Errorf("got %q, want %q", got.Body, test.want+" ")
				}
			})
		})
	}
	if _, err := New(Config{StripPrefix: "api"}, new(inner)); err == nil {
		t.Error("a prefix without a slash is taken")
	}
}

// A body that has arrived on the loop is limited there as well.
func TestMaxBodyOnLoop(t *testing.T) {
	for limit, want := range map[int64]int{1: 413, 2: 200} {
		in := new(inner)
		s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{MaxBody: &limit}, laterInner{in})})
		c := s.Dial(t)
		c.Send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab")
		if got := c.Receive("POST"); got.Status != want || int(in.later.Load()) != want/200%2 {
			t.Errorf("2 bytes of %d: %d, asked %d times", limit, got.Status, in.later.Load())
		}
	}
}

func TestMaxBody(t *testing.T) {
	read := func(w *highball.Response, r *highball.Request) error {
		body, err := io.ReadAll(r.Body())
		if err == nil {
			_, err = w.Write(body)
		}
		return err
	}
	chunks := []string{"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0"}
	tests := []struct {
		name   string
		limit  int64
		server int64 // limit
		fields []string
		status int
	}{
		{"as much as may be", 6, 0, []string{"Content-Length: 6\r\n\r\nabcdef"}, 200},
		{"more is declared", 5, 0, []string{"Content-Length: 6\r\n\r\nabcdef"}, 413},
		{"more turns out", 5, 0, chunks, 413},
		{"as much in chunks", 6, 0, chunks, 200},
		{"nothing", 0, 0, []string{"Content-Length: 1\r\n\r\na"}, 413},
		{"no limit at all", -1, 5, chunks, 200},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				s := servertest.New(t, d, &highball.Server{
					Handler: wrap(t, Config{MaxBody: &test.limit}, &inner{answer: read}),
					Limits:  highball.Limits{Body: test.server},
				})
				c := s.Dial(t)
				c.Send("POST / HTTP/1.1\r\nHost: test\r\n" + test.fields[0] + "\r\n\r\n")
				if got := c.Receive("POST"); got.Status != test.status {
					t.Errorf("got %d, want %d", got.Status, test.status)
				}
			})
		})
	}
}

// The deadline of a policy takes the place of the server's, be it shorter or longer.
func TestDeadline(t *testing.T) {
	wait := func(_ *highball.Response, r *highball.Request) error {
		<-r.Context().Done()
		return nil
	}
	t.Run("shorter", func(t *testing.T) {
		servertest.Each(t, func(t *testing.T, d servertest.Driver) {
			s := servertest.New(t, d, &highball.Server{
				Handler: wrap(t, Config{Deadline: ptr(20 * time.Millisecond)}, &inner{answer: wait}), Deadlines: highball.Deadlines{Handler: time.Hour},
			})
			if got := ask(t, s, "GET /"); got.Status != 504 {
				t.Errorf("got %d", got.Status)
			}
		})
	})
	t.Run("none", func(t *testing.T) {
		servertest.Each(t, func(t *testing.T, d servertest.Driver) {
			goOn := make(chan struct{})
			slow := func(_ *highball.Response, r *highball.Request) error {
				select {
				case <-goOn:
					return nil
				case <-r.Context().Done():
					return errors.New("the deadline has passed")
				}
			}
			s := servertest.New(t, d, &highball.Server{
				Handler:   wrap(t, Config{Deadline: ptr(time.Duration(-1))}, &inner{answer: slow}),
				Deadlines: highball.Deadlines{Handler: 400 * time.Millisecond},
			})
			other := servertest.New(t, d, &highball.Server{
				Handler: &inner{answer: wait}, Deadlines: highball.Deadlines{Handler: 800 * time.Millisecond},
			})
			c := s.Dial(t)
			c.Send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if got := ask(t, other, "GET /"); got.Status != 504 { // by then the deadline would have passed
				t.Errorf("got %d", got.Status)
			}
			close(goOn)
			if got := c.Receive("GET"); got.Status != 200 {
				t.Errorf("got %d", got.Status)
			}
		})
	})
	t.Run("of what is answered later", func(t *testing.T) {
		s := servertest.New(t, servertest.Loop, &highball.Server{
			Handler: wrap(t, Config{Deadline: ptr(20 * time.Millisecond)}, never{}), Deadlines: highball.Deadlines{Handler: time.Hour},
		})
		if got := ask(t, s, "GET /"); got.Status != 504 {
			t.Errorf("got %d", got.Status)
		}
	})
}

// never begins an answer, and no more.
type never struct{}

func (never) Serve(_ *highball.Response, r *highball.Request) error {
	<-r.Context().Done()
	return nil
}

func (never) ServeLater(*highball.Turn, *highball.Request, highball.Later) highball.Pending {
	return done{}
}

// Who is let in by a handler around another one is known to that, too.
func TestUserOfAnOuterPolicy(t *testing.T) {
	within, err := New(Config{Rate: &Rate{Requests: 1, Per: time.Hour, Key: User()}}, inlineInner{new(inner)})
	if err != nil {
		t.Fatal(err)
	}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{Auth: &Auth{file(t, someUsers), "r"}}, within)})
	for _, test := range []struct {
		credentials string
		want        int
	}{{"ann:secret", 200}, {"eve:password", 200}, {"ann:secret", 429}} {
		if got := ask(t, s, "GET /", basic(test.credentials)); got.Status != test.want {
			t.Errorf("%s: %d, want %d", test.credentials, got.Status, test.want)
		}
	}
}

// Everything that is so for every handler is so behind every policy.
func TestContract(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 20<<10)
	text := func(s string) func(*highball.Response, *highball.Request) error {
		return func(w *highball.Response, _ *highball.Request) error {
			_, err := w.WriteString(s)
			return err
		}
	}
	auth := basic("ann:secret") + "\r\n"
	cases := []servertest.Case{
		{Name: "inline", Target: "/p/inline", Fields: auth, Status: 200, Want: "inline"},
		{Name: "blocking", Target: "/p/blocking", Fields: auth, Status: 200, Want: large},
		{Name: "later", Target: "/p/later", Fields: auth, Status: 200, Want: "/later? ann"},
		{Name: "nobody", Target: "/p/inline", Status: 401},
		{Name: "wrong password", Target: "/p/inline", Fields: basic("ann:wrong") + "\r\n", Status: 401},
		{Name: "not there", Target: "/p/none", Fields: auth, Status: 404},
		{Name: "failed", Target: "/p/failed", Fields: auth, Status: 418},
		{Name: "body", Method: "POST", Target: "/p/echo", Fields: auth, Body: "some text", Status: 200, Want: "some text"},
		{Name: "refused body", Method: "POST", Target: "/p/echo", Fields: auth, Body: strings.Repeat("x", 1001), Status: 413},
		{Name: "body of nobody", Method: "POST", Target: "/p/echo", Body: "some text", Status: 401},
		{Name: "preflight", Method: "OPTIONS", Target: "/p/echo", Fields: "Origin: https://a.example\r\nAccess-Control-Request-Method: PUT\r\n", Status: 204},
	}
	users := file(t, "ann:"+shaSecret)
	servertest.Contract(t, func(t testing.TB) highball.Handler {
		mux := highball.NewMux()
		for pattern, h := range map[string]highball.Handler{
			"/inline":   inlineInner{&inner{answer: text("inline")}},
			"/blocking": &inner{answer: text(large)},
			"/later":    laterInner{new(inner)},
			"/failed": highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
				return &highball.Error{Status: 418}
			}),
			"POST /echo": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
				_, err := w.ReadFrom(r.Body())
				return err
			}),
		} {
			if err := mux.Handle(pattern, h); err != nil {
				t.Fatal(err)
			}
		}
		return wrap(t, Config{
			Headers: []Edit{{Set, "X-Frame-Options", "DENY"}}, CORS: &CORS{Origins: []string{"https://a.example"}}, CacheControl: "max-age=60",
			Auth: &Auth{users, "r"}, Access: &Access{Deny: prefixList(t, "192.0.2.99/32")}, Rate: &Rate{Requests: 1_000_000, Per: time.Second, Burst: 1_000_000},
			MaxBody: ptr[int64](1000), Deadline: ptr(time.Minute), StripPrefix: "/p", Maintenance: &Maintenance{Allow: prefixList(t, "192.0.2.0/24")},
		}, mux)
	}, cases...)
}
