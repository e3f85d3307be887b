package forward

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// told answers with what it sees of the client.
var told = highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
	addr := "peer"
	if r.RemoteAddr() != r.PeerAddr() {
		addr = r.RemoteAddr().String()
	}
	fmt.Fprintf(w, "%s %s %s %s", addr, r.Scheme(), r.Host(), r.Hostname())
	for name, value := range r.Header().All() {
		switch name {
		case "Connection", "Content-Length": // which the contract's clients add
		default:
			fmt.Fprintf(w, "\n%s: %s", name, value)
		}
	}
	return nil
})

func newHandler(t testing.TB, c Config, next highball.Handler) highball.Handler {
	t.Helper()
	h, err := New(c, next)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const everything = "Forwarded: for=192.0.2.7;proto=https;host=standard.example\r\nX-Forwarded-For: 192.0.2.8\r\nX-Forwarded-Proto: https\r\n" +
	"X-Forwarded-Host: Prefixed.example:8443\r\nX-Real-IP: 192.0.2.9\r\nX_Forwarded_For: 192.0.2.10\r\nx-forwarded-User: root\r\nX_Real-IP: 192.0.2.11\r\n"

func TestWhoIsBelieved(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	untouched := "peer http test test\nHost: test"
	tests := []struct {
		name   string
		driver servertest.Driver
		config Config
		fields string
		want   string
	}{
		{"nobody says anything", servertest.Loop, Config{Trusted: loopback}, "", untouched},
		{"a peer that is not trusted", servertest.Loop, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, everything, untouched},
		{"nobody is trusted", servertest.Loop, Config{}, everything, untouched},
		{"peers at unix sockets alone", servertest.Loop, Config{Unix: true}, everything, untouched},
		{"a trusted peer", servertest.Loop, Config{Trusted: loopback}, everything,
			"192.0.2.8:0 https Prefixed.example:8443 prefixed.example\nHost: Prefixed.example:8443\n" +
				"X-Forwarded-For: 192.0.2.8\nX-Forwarded-Proto: https\nX-Forwarded-Host: Prefixed.example:8443\nx-forwarded-User: root"},
		{"a trusted peer of the standard family", servertest.Loop, Config{Trusted: loopback, Header: "forwarded"}, everything,
			"192.0.2.7:0 https standard.example standard.example\nHost: standard.example\nForwarded: for=192.0.2.7;proto=https;host=standard.example"},
		{"trusted as IPv6 has it", servertest.Loop, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("::ffff:127.0.0.0/104")}},
			"X-Forwarded-For: 192.0.2.8\r\n", "192.0.2.8:0 http test test\nHost: test\nX-Forwarded-For: 192.0.2.8"},
		{"a peer without an address", servertest.Goroutine, Config{Unix: true, Header: "x-forwarded"},
			"X-Forwarded-For: 192.0.2.8\r\n", "192.0.2.8:0 http test test\nHost: test\nX-Forwarded-For: 192.0.2.8"},
		{"a peer without an address, not trusted", servertest.Goroutine, Config{Trusted: loopback}, everything, untouched},
		{"a host that is none", servertest.Loop, Config{Trusted: loopback}, "X-Forwarded-Host: a b/c\r\n", untouched + "\nX-Forwarded-Host: a b/c"},
		{"an empty host", servertest.Loop, Config{Trusted: loopback}, "X-Forwarded-Host: \r\n", untouched + "\nX-Forwarded-Host: "},
		{"a host of markup", servertest.Loop, Config{Trusted: loopback}, "X-Forwarded-Host: \"><script>\r\n", untouched + "\nX-Forwarded-Host: \"><script>"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := servertest.New(t, test.driver, &highball.Server{Handler: newHandler(t, test.config, told)}).Dial(t)
			c.Send("GET / HTTP/1.1\r\nHost: test\r\n" + test.fields + "\r\n")
			if r := c.Receive("GET"); r.Body != test.want {
				t.Errorf("got\n%s\nwant\n%s", r.Body, test.want)
			}
			if r := c.Get("/"); r.Body != untouched { // the next request has nothing of it
				t.Errorf("afterwards\n%s", r.Body)
			}
		})
	}
}

// Handlers of net/http see it, too.
func TestNetHTTP(t *testing.T) {
	seen := highball.FromHTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %q", r.RemoteAddr, r.Host, r.Header)
	}))
	for trusted, want := range map[string]string{
		"127.0.0.0/8": `192.0.2.8:4711 example.org map["X-Forwarded-For":["192.0.2.8:4711"] "X-Forwarded-Host":["example.org"]]`,
		"10.0.0.0/8":  `test map[]`,
	} {
		h := newHandler(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix(trusted)}}, seen)
		c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
		c.Send("GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.8:4711\r\nX-Forwarded-Host: example.org\r\nX-Real-IP: 1.1.1.1\r\n\r\n")
		if r := c.Receive("GET"); !strings.HasSuffix(r.Body, want) {
			t.Errorf("%s is trusted: %s", trusted, r.Body)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]Config{
		"unknown header": {Header: "via"},
		"not valid":      {Trusted: []netip.Prefix{{}}},
	} {
		if _, err := New(c, told); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// Which peers and elements are trusted does not depend on how an address is written.
func TestTrusted(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "fe80::/10", "2001:db8::1/128")
	for addr, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "11.0.0.1": false, "fe80::1%eth0": true, "2001:db8::1": true, "2001:db8::2": false, "::10.1.2.3": false,
	} {
		if got := trusted.contains(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s is trusted: %t, want %t", addr, got, want)
		}
	}
}

// inline answers on the event loop, as files in memory do.
type inline struct{ highball.Handler }

func (h inline) ServeInline(w *highball.Response, r *highball.Request) bool {
	return h.Serve(w, r) == nil
}

func TestOnTheLoop(t *testing.T) {
	h := newHandler(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, inline{told})
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Loops: 1})
	c := s.Dial(t)
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.8\r\nX-Forwarded-Host: example.org\r\nX-Forwarded-Proto: https\r\n\r\n")
	if r := c.Receive("GET"); !strings.HasPrefix(r.Body, "192.0.2.8:0 https example.org") {
		t.Errorf("got %s", r.Body)
	}
	c = s.Dial(t)
	c.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nxy")
	if r := c.Receive("POST"); r.Body != "peer http test test\nHost: test" {
		t.Errorf("another client's request: %s", r.Body)
	}
}

// deferring sees a request on the event loop first, declines, and answers on a goroutine.
type deferring struct{ highball.Handler }

func (deferring) ServeInline(*highball.Response, *highball.Request) bool { return false }

func (deferring) ServeLater(*highball.Turn, *highball.Request, highball.Later) highball.Pending {
	return nil
}

func TestContract(t *testing.T) {
	for _, next := range []highball.Handler{told, inline{told}, deferring{told}} {
		t.Run(fmt.Sprintf("%T", next), func(t *testing.T) {
			servertest.Contract(t, func(t testing.TB) highball.Handler {
				return newHandler(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Unix: true}, next)
			}, servertest.Case{Name: "told", Target: "/", Status: 200, Fields: everything,
				Want: "192.0.2.8:0 https Prefixed.example:8443 prefixed.example\nHost: Prefixed.example:8443\n" +
					"X-Forwarded-For: 192.0.2.8\nX-Forwarded-Proto: https\nX-Forwarded-Host: Prefixed.example:8443\nx-forwarded-User: root"})
		})
	}
}

// Where no proxy says anything, the handler costs no memory.
func TestAllocations(t *testing.T) {
	p, err := highball.Prepare(200, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	next := inline{highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error { return w.Send(p) })}
	for _, trusted := range []string{"127.0.0.1/32", "10.0.0.0/8"} {
		h := newHandler(t, Config{Trusted: []netip.Prefix{netip.MustParsePrefix(trusted)}}, next)
		c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
		request := []byte("GET /a HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x\r\nAccept: */*\r\nX-Requested-With: fetch\r\n\r\n")
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		answer := new(strings.Builder)
		in := bufio.NewReaderSize(c.Conn, 16)
		for !strings.HasSuffix(answer.String(), "\r\n\r\nx") {
			b, err := in.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			answer.WriteByte(b)
		}
		room := make([]byte, answer.Len())
		if n := testing.AllocsPerRun(200, func() {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c.Conn, room); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s is trusted: %v allocations for a request", trusted, n)
		}
	}
}

// The id of a request is a trusted proxy's to give, and nobody else's.
func TestRequestID(t *testing.T) {
	for trusted, want := range map[string]bool{"127.0.0.0/8": true, "192.0.2.0/24": false} {
		h, err := New(Config{Trusted: []netip.Prefix{netip.MustParsePrefix(trusted)}}, highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			_, err := w.WriteString(r.ID())
			return err
		}))
		if err != nil {
			t.Fatal(err)
		}
		c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
		c.Send("GET / HTTP/1.1\r\nHost: test\r\nX-Request-ID: given\r\n\r\n")
		if got := c.Receive("GET").Body; (got == "given") != want {
			t.Errorf("with %s trusted the id is %s", trusted, got)
		}
	}
}
