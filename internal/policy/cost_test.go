package policy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// exchange sends a request again and again on one connection, and reads answers of one length.
type exchange struct {
	conn            net.Conn
	request, answer []byte
}

func newExchange(t testing.TB, s *servertest.Server, request string) *exchange {
	t.Helper()
	conn, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	x := &exchange{conn: conn, request: []byte(request)}
	if _, err := conn.Write(x.request); err != nil {
		t.Fatal(err)
	}
	counted := &countingReader{from: conn}
	res, err := http.ReadResponse(bufio.NewReaderSize(counted, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	x.answer = make([]byte, counted.n)
	return x
}

type countingReader struct {
	from io.Reader
	n    int
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += n
	return n, err
}

func (x *exchange) again(t testing.TB) {
	if _, err := x.conn.Write(x.request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(x.conn, x.answer); err != nil {
		t.Fatal(err)
	}
}

// constant answers inline what is prepared.
type constant struct{ p *highball.Prepared }

func (c constant) Serve(w *highball.Response, _ *highball.Request) error { return w.Send(c.p) }
func (c constant) ServeInline(w *highball.Response, _ *highball.Request) bool {
	return w.Send(c.p) == nil
}

// everything is a Config that has all there is, and lets the test's client pass.
func everything(t testing.TB) Config {
	return Config{
		Headers: []Edit{{Set, "X-Frame-Options", "DENY"}, {Add, "X-More", "more"}, {Op: Remove, Name: "X-None"}},
		CORS:    &CORS{Origins: []string{"https://a.example"}, Credentials: true}, CacheControl: "max-age=60",
		Auth:   &Auth{file(t, someUsers), "r"},
		Access: &Access{Allow: prefixList(t, "127.0.0.0/8 10.0.0.0/16"), Deny: prefixList(t, "127.0.0.99/32")},
		Rate:   &Rate{Requests: 1_000_000, Per: time.Second, Burst: 1_000_000}, MaxBody: ptr[int64](1000), Deadline: ptr(time.Minute),
		Maintenance: &Maintenance{Allow: prefixList(t, "127.0.0.0/8")},
	}
}

const (
	plainRequest = "GET /x HTTP/1.1\r\nHost: test\r\n\r\n"
	fullRequest  = "GET /x HTTP/1.1\r\nHost: test\r\nAuthorization: Basic Ym9iOmJhcg==\r\nOrigin: https://a.example\r\nX-Key: 1\r\n\r\n"
)

// What passes, and is answered inline, is so without any allocation; so is what is refused.
func TestAllocations(t *testing.T) {
	wantLoops(t)
	p, err := highball.Prepare(200, nil, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		cfg     func() Config
		request string
		status  int
	}{
		{"everything", func() Config { return everything(t) }, fullRequest, 200},
		{"nothing", func() Config { return Config{} }, plainRequest, 200},
		{"401", func() Config { return everything(t) }, plainRequest, 401},
		{"403", func() Config { return Config{Access: &Access{Deny: prefixList(t, "127.0.0.0/8")}} }, plainRequest, 403},
		{"429", func() Config { return Config{Rate: &Rate{Requests: 1, Per: time.Hour}} }, plainRequest, 429},
		{"rate of a field", func() Config {
			return Config{Rate: &Rate{Requests: 1_000_000, Per: time.Second, Burst: 1_000_000, Key: Field("X-Key")}}
		}, fullRequest, 200},
		{"rate of a user", func() Config {
			cfg := everything(t)
			cfg.Rate.Key = User()
			return cfg
		}, fullRequest, 200},
		{"503", func() Config { return Config{Maintenance: &Maintenance{}} }, plainRequest, 503},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.cfg()
			now := time.Now()
			cfg.Clock = func() time.Time { return now } // no file is looked at again
			h, err := New(cfg, constant{p})
			if err != nil {
				t.Fatal(err)
			}
			s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h})
			ask(t, s, "GET /x", "Authorization: Basic Ym9iOmJhcg==")
			x := newExchange(t, s, test.request)
			for range 3 {
				x.again(t)
			}
			if got := string(x.answer[9:12]); got != strconv.Itoa(test.status) {
				t.Fatalf("status %s, want %d", got, test.status)
			}
			if n := testing.AllocsPerRun(300, func() { x.again(t) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// BenchmarkJudge measures what a policy adds to a request that passes, but for the fields of its answer.
func BenchmarkJudge(b *testing.B) {
	p, err := highball.Prepare(200, nil, nil)
	if err != nil {
		b.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"access":     {Access: everything(b).Access},
		"rate":       {Rate: everything(b).Rate},
		"auth":       {Auth: everything(b).Auth},
		"everything": everything(b),
	} {
		made, err := New(cfg, constant{p})
		if err != nil {
			b.Fatal(err)
		}
		h := made.(*handler)
		s := servertest.New(b, servertest.Loop, &highball.Server{Handler: highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			r.ExtendDeadline(-1)
			h.judge(r, onGoroutine)
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				now := time.Now()
				h.clock = func() time.Time { return now }
				for b.Loop() {
					if v := h.judge(r, onLoop); !v.passes() {
						b.Fatal("it does not pass")
					}
				}
			})
			return nil
		})})
		newExchange(b, s, fullRequest)
	}
}
