package rewrite

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"highball"
	"highball/internal/servertest"
)

// told answers with the path and the query that it sees.
var told = highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
	_, err := fmt.Fprintf(w, "%s ?%s", r.Path(), r.Query())
	return err
})

// inline answers on the event loop.
type inline struct{ highball.Handler }

func (h inline) ServeInline(w *highball.Response, r *highball.Request) bool {
	return h.Serve(w, r) == nil
}

// deferring sees a request on the event loop first, declines, and answers on a goroutine.
type deferring struct{ highball.Handler }

func (deferring) ServeInline(*highball.Response, *highball.Request) bool { return false }

func (deferring) ServeLater(*highball.Turn, *highball.Request, highball.Later) highball.Pending {
	return nil
}

func newHandler(t testing.TB, next highball.Handler, rules ...Rule) highball.Handler {
	t.Helper()
	h, err := New(rules, next)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRules(t *testing.T) {
	tests := []struct {
		name   string
		rules  []Rule
		target string
		want   string // what the handler sees, or the status, and the Location of a redirect
	}{
		{"no rule", nil, "/a?b", "/a ?b"},
		{"no rule that matches", []Rule{{"^/x$", "/y", 0}}, "/xx", "/xx ?"},
		{"a path", []Rule{{"^/x$", "/y", 0}}, "/x", "/y ?"},
		{"anywhere", []Rule{{"x", "/y", 0}}, "/a/x/b", "/y ?"},
		{"groups", []Rule{{"^/(.*)/(.*)$", "/$2/$1", 0}}, "/a/b/c", "/c/a/b ?"},
		{"all of it", []Rule{{"^/.*$", "/old$0", 0}}, "/a/b", "/old/a/b ?"},
		{"a digit behind a group", []Rule{{"^/(a)$", "/${1}0", 0}}, "/a", "/a0 ?"},
		{"a letter behind a group", []Rule{{"^/(a)$", "/${1}x", 0}}, "/a", "/ax ?"},
		{"a named group without braces", []Rule{{"^/(?P<a_1>.)(.)$", "/$a_1-$2", 0}}, "/xy", "/x-y ?"},
		{"a group first", []Rule{{"^(.*)[.]html$", "$1", 0}}, "/a.html", "/a ?"},
		{"a group first, without the slash", []Rule{{"^/(.*)[.]html$", "$1", 0}}, "/a.html", "400"},
		{"a named group", []Rule{{`^/(?P<year>\d+)/(?P<name>\w+)$`, "/${name}-${year}", 0}}, "/2024/may", "/may-2024 ?"},
		{"a group that took no part", []Rule{{"^/(a)?(b)$", "/x$1$2", 0}}, "/b", "/xb ?"},
		{"a dollar sign", []Rule{{"^/(a)$", "/$$1$$", 0}}, "/a", "/$1$ ?"},
		{"the first rule", []Rule{{"^/a", "/1", 0}, {"^/a/b", "/2", 0}}, "/a/b", "/1 ?"},
		{"one rule alone", []Rule{{"^/a$", "/b", 0}, {"^/b$", "/c", 0}}, "/a", "/b ?"},
		{"the query stays", []Rule{{"^/a$", "/b", 0}}, "/a?x=%41&y", "/b ?x=%41&y"},
		{"the query goes", []Rule{{"^/a$", "/b?", 0}}, "/a?x=1", "/b ?"},
		{"another query", []Rule{{"^/(.*)$", "/index.cgi?page=$1&x=y", 0}}, "/a?x=1", "/index.cgi ?page=a&x=y"},
		{"a group in a query is encoded", []Rule{{"^/(.*)$", "/i?p=$1&q=1", 0}}, "/a%26b=c%23%25d+e/f%20%3F%c3%a9", "/i ?p=a%26b%3Dc%23%25d%2Be%2Ff%20%3F%C3%A9&q=1"},
		{"a group in a path is not", []Rule{{"^/a/(.*)$", "/b/$1", 0}}, "/a/x%20y%3Fz%23%25", "/b/x y?z#% ?"},
		{"the path is matched decoded", []Rule{{"^/secret", "/no", 0}}, "/%73ecret", "/no ?"},
		{"the path is matched in its canonical form", []Rule{{"^/secret$", "/no", 0}}, "//x/..//./secret", "/no ?"},
		{"nothing is decoded twice", []Rule{{"^/a/(.*)$", "/b/$1", 0}}, "/a/%252e%252e", "/b/%2e%2e ?"},
		{"dot segments that a rule makes", []Rule{{`^/a/(.)x(.)$`, "/b/x/$1$2/y", 0}}, "/a/.x.", "/b/y ?"},
		{"dot segments that are joined", []Rule{{"^/a(.)/(.*)$", "/b/c/.$1/$2", 0}}, "/a./x", "/b/x ?"},
		{"above the root", []Rule{{"^/(.)a$", "/$1./x", 0}}, "/.a", "400"},
		{"slashes are merged", []Rule{{"^/a(.*)$", "/$1", 0}}, "/a//b", "/b ?"},
		{"a control character", []Rule{{"(?s)^/a/(.*)$", "/b/$1", 0}}, "/a/x%0d%0ay", "400"},
		{"a control character where no rule matches", []Rule{{"^/b/(.*)$", "/c/$1", 0}}, "/a/x%0dy", "/a/x\ry ?"},
		{"a redirect", []Rule{{"^/a$", "/b", 301}}, "/a?x=1", "301 /b?x=1"},
		{"a redirect without the query", []Rule{{"^/a$", "/b?", 302}}, "/a?x=1", "302 /b"},
		{"a redirect to a query", []Rule{{"^/a/(.*)$", "/b?q=$1", 307}}, "/a/x%20%26", "307 /b?q=x%20%26"},
		{"a redirect is encoded", []Rule{{"^/a/(.*)$", "/b/$1", 308}}, "/a/x%20y%3Fz%23%25%C3%A9", "308 /b/x%20y%3Fz%23%25%C3%A9"},
		{"a redirect that tries to split the head", []Rule{{"(?s)^/a/(.*)$", "/b/$1", 303}}, "/a/x%0d%0aSet-Cookie:x", "400"},
		{"a redirect that tries to leave the site", []Rule{{"^/a(.*)$", "/$1", 301}}, "/a/%2fevil.example", "301 /evil.example"},
		{"a redirect that tries to leave the site by a backslash", []Rule{{"^/a/(.*)$", "/$1", 301}}, "/a/%5cevil.example", "301 /%5Cevil.example"},
		{"a redirect to another host", []Rule{{"^/a/(.*)$", "https://example.org:8443/b/$1", 301}}, "/a/x%20y?z", "301 https://example.org:8443/b/x%20y?z"},
		{"a redirect to another host alone", []Rule{{"^/a$", "http://[::1]", 302}}, "/a?z", "302 http://[::1]/?z"},
		{"a redirect to another host's query", []Rule{{"^/(a)$", "https://example.org?q=$1", 302}}, "/a?z", "302 https://example.org/?q=a"},
		{"a redirect to another host with the whole path", []Rule{{".*", "https://example.org$0", 302}}, "/a/@b", "302 https://example.org/a/@b"},
		{"a redirect that tries to change the host", []Rule{{"^/a(.*)$", "https://example.org$1", 302}}, "/a.evil.example", "400"},
		{"a redirect that tries to name a user", []Rule{{"^/a(.*)$", "https://example.org$1", 302}}, "/a@evil.example", "400"},
		{"a redirect of a scheme", []Rule{{"^/a/(.*)$", "/$1", 301}}, "/a/javascript:alert(1)", "301 /javascript:alert%281%29"},
	}
	for _, next := range []highball.Handler{told, inline{told}, deferring{told}} {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%T/%s", next, test.name), func(t *testing.T) {
				s := servertest.New(t, servertest.Loop, &highball.Server{Handler: newHandler(t, next, test.rules...)})
				r := s.Dial(t).Get(test.target)
				got := r.Body
				switch {
				case r.Status >= 400:
					got = fmt.Sprint(r.Status)
				case r.Status >= 300:
					got = fmt.Sprint(r.Status, " ", r.Value("Location"))
				}
				if got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

// OPTIONS * and requests with a body go the same way.
func TestOtherRequests(t *testing.T) {
	h := newHandler(t, inline{told}, Rule{"", "/x", 0})
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	c.Send("OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nxy")
	if r := c.Receive("OPTIONS"); r.Body != "* ?" {
		t.Errorf("OPTIONS *: %q", r.Body)
	}
	if r := c.Receive("POST"); r.Body != "/x ?b" {
		t.Errorf("POST: %q", r.Body)
	}
}

// What a rule has done to a request on an event loop is nothing to the next one, of another client.
func TestNothingStays(t *testing.T) {
	h := newHandler(t, inline{told}, Rule{"^/old$", "/new?secret", 0})
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h, Loops: 1})
	if r := s.Dial(t).Get("/old"); r.Body != "/new ?secret" {
		t.Errorf("got %q", r.Body)
	}
	c := s.Dial(t)
	c.Send("POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nxy")
	if r := c.Receive("POST"); r.Body != "/a ?" {
		t.Errorf("another client's request: %q", r.Body)
	}
}

func TestRulesThatCannotBe(t *testing.T) {
	tests := []struct {
		rule Rule
		want string
	}{
		{Rule{"(", "/x", 0}, "missing closing )"},
		{Rule{"x", "", 0}, `begin with "/"`},
		{Rule{"x", "https://example.org/", 0}, "status of a redirect"},
		{Rule{"(x)", "https://$1/", 301}, `begin with "/"`},
		{Rule{"x", "ftp://example.org/", 301}, `begin with "/"`},
		{Rule{"x", "https://user@example.org/", 301}, `begin with "/"`},
		{Rule{"x", "https://example.org:x/", 301}, `begin with "/"`},
		{Rule{"x", "//example.org/", 301}, "one slash"},
		{Rule{"x", "/x#y", 301}, "fragment"},
		{Rule{"x", "/%20", 0}, "percent-encoded"},
		{Rule{"x", "/\r\n", 0}, "control"},
		{Rule{"x", "/?a b", 0}, "percent-encoded"},
		{Rule{"x", "/?é", 0}, "percent-encoded"},
		{Rule{"(x)", "/$2", 0}, "no group 2"},
		{Rule{"(x)", "/?a=$10", 0}, "no group 10"},
		{Rule{"(x)", "/$99999999999999999999", 0}, "no group"},
		{Rule{"(?P<a>x)", "/${b}", 0}, "no group b"},
		{Rule{"(?P<a>x)", "/$ab", 0}, "no group ab"},
		{Rule{"(x)", "/$1x", 0}, "no group 1x"},
		{Rule{"(?P<a>x)", "/${a", 0}, "without }"},
		{Rule{"(?P<a>x)", "/${}", 0}, "a $ without a group"},
		{Rule{"x", "/$", 0}, "a $ without a group"},
		{Rule{"x", "/y", 200}, "200"},
		{Rule{"x", "/y", 304}, "304"},
	}
	for _, test := range tests {
		if _, err := New([]Rule{{"^/a$", "/b", 0}, test.rule}, told); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %s", test.rule, err, test.want)
		}
	}
}

// Whatever a client asks for, a redirect leads to a path of the same site, which decodes to what the rule says.
func TestRedirectsStay(t *testing.T) {
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: newHandler(t, told, Rule{"(?s)^/a(.*)$", "/$1", 301})})
	unit := rapid.SampledFrom([]string{"/", "//", "%2f", "%5C", ".", "..", "%2e", ":", "@", "evil.example", "%0d", "%0A", "%00", "%25", "%252f",
		"%ff", "%09", "%20", "%3F", "%23", ";", "é", "*", "%22", "<"})
	rapid.Check(t, func(r *rapid.T) {
		target := "/a" + strings.Join(rapid.SliceOfN(unit, 0, 8).Draw(r, "units"), "")
		c := s.Dial(t)
		defer c.Close()
		c.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n")
		res, err := c.TryReceive("GET")
		if err != nil {
			r.Fatalf("%s: %v", target, err)
		}
		if res.Status != 301 {
			return // refused, or not below /a once it was canonical
		}
		location := res.Value("Location")
		u, err := url.Parse(location)
		if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
			r.Fatalf("%s is redirected to %q", target, location)
		}
		for _, c := range location {
			if c <= ' ' || c > '~' || c == '\\' {
				r.Fatalf("%s is redirected to %q", target, location)
			}
		}
		segments := strings.Split(u.Path, "/")
		for _, segment := range segments {
			if segment == ".." || segment == "." {
				r.Fatalf("%s is redirected to %q", target, location)
			}
		}
	})
}

func TestContract(t *testing.T) {
	for _, next := range []highball.Handler{told, inline{told}, deferring{told}} {
		t.Run(fmt.Sprintf("%T", next), func(t *testing.T) {
			servertest.Contract(t, func(t testing.TB) highball.Handler {
				return newHandler(t, next, Rule{"^/old/(.*)$", "/new/$1", 0}, Rule{"^/gone/(.*)$", "/new/$1", 301}, Rule{"(?s)^/up/(.*)$", "/$1", 0})
			},
				servertest.Case{Name: "rewritten", Target: "/old/a?b", Status: 200, Want: "/new/a ?b"},
				servertest.Case{Name: "as it is", Target: "/a?b", Status: 200, Want: "/a ?b"},
				servertest.Case{Name: "redirected", Target: "/gone/a", Status: 301},
				servertest.Case{Name: "refused", Target: "/up/%0A", Status: 400},
				servertest.Case{Name: "with a body", Method: "POST", Target: "/old/a", Body: "x=1", Status: 200, Want: "/new/a ?"})
		})
	}
}

// Where no rule matches, the handler costs no memory.
func TestAllocations(t *testing.T) {
	if raced() {
		t.Skip("under the race detector package regexp's pools forget on purpose")
	}
	p, err := highball.Prepare(200, nil, []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	next := inline{highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error { return w.Send(p) })}
	h := newHandler(t, next, Rule{`^/old/(\w+)/(.*)$`, "/new/$1/$2", 0}, Rule{`\.php$`, "/", 301}, Rule{`(?i)^/~([a-z]+)(/.*)?$`, "/home/$1", 0})
	c := servertest.New(t, servertest.Loop, &highball.Server{Handler: h}).Dial(t)
	request := []byte("GET /some/path/of/a/site.html HTTP/1.1\r\nHost: example.org\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n")
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
		t.Errorf("%v allocations for a request", n)
	}
}

// raced reports whether the race detector is at work.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
