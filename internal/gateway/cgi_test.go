//go:build linux

package gateway

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// scripts is a folder of scripts that a server serves below /cgi-bin.
type scripts struct {
	*servertest.Server
	cgi *CGI
	dir string
	log *servertest.Log
}

// prepareCGI makes the handler for a server that does not run yet. It ends with the test, after the server.
func prepareCGI(t testing.TB, srv *highball.Server, cfg CGIConfig) *scripts {
	t.Helper()
	s := &scripts{log: new(servertest.Log)}
	cfg.Dir = cmp.Or(cfg.Dir, sampleScripts(t))
	cfg.Environ = append(os.Environ(), "SECRET=of the server", "HTTP_PROXY=bad", "LC_ALL=C")
	cfg.Logger = slog.New(slog.NewTextHandler(s.log, nil))
	srv.Logger = cmp.Or(srv.Logger, cfg.Logger)
	var err error
	if s.cgi, err = NewCGI(cfg); err != nil {
		t.Fatal(err)
	}
	s.dir = cfg.Dir
	srv.Handler = s.cgi.Handler("/cgi-bin")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.cgi.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	return s
}

func serveCGI(t testing.TB, d servertest.Driver, srv *highball.Server, cfg CGIConfig) *scripts {
	t.Helper()
	s := prepareCGI(t, srv, cfg)
	s.Server = servertest.New(t, d, srv)
	return s
}

// sampleScripts returns the folder of the scripts that come with the tests.
func sampleScripts(t testing.TB) string {
	dir, err := filepath.Abs("testdata/cgi")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// folder makes a folder of executable files.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// way is a way in which scripts can be run. All that holds for one holds for the other.
type way struct {
	warm   bool
	python string // of the warm ones
}

func (w way) String() string {
	if w.warm {
		return "warm"
	}
	return "cold"
}

// eachWay runs f cold and warm.
func eachWay(t *testing.T, f func(t *testing.T, w way)) {
	for _, w := range []way{{}, {warm: true, python: python3(t)}} {
		t.Run(w.String(), func(t *testing.T) { f(t, w) })
	}
}

// config returns a configuration with a folder of shell scripts. The warm ones begin in Python, and become the shell.
func (w way) config(t testing.TB, scripts map[string]string) CGIConfig {
	if !w.warm {
		return CGIConfig{Dir: folder(t, scripts)}
	}
	files := make(map[string]string)
	for name, text := range scripts {
		files[name] = "#!" + w.python + "\nimport os, sys\nos.execv('/bin/sh', ['sh', '-c', " + strconv.Quote(text) + ", *sys.argv])\n"
	}
	return CGIConfig{Dir: folder(t, files), Warm: true}
}

// shell returns a shell script.
func shell(lines ...string) string { return "#!/bin/sh\n" + strings.Join(lines, "\n") + "\n" }

func (s *scripts) awaitLog(t testing.TB, text string) {
	t.Helper()
	for end := time.Now().Add(patience); !strings.Contains(s.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q was never logged; but this was:\n%s", text, s.log)
		}
	}
}

func TestCGIContract(t *testing.T) { eachWay(t, testCGIContract) }

func testCGIContract(t *testing.T, w way) {
	body := strings.Repeat("0123456789abcdef", 20000)
	var lines strings.Builder
	for n := range 30000 {
		fmt.Fprintf(&lines, "line %d\n", n)
	}
	servertest.ServerContract(t, func(t testing.TB, srv *highball.Server) {
		cfg := w.config(t, map[string]string{
			"hello": shell(`printf 'Content-Type: text/plain\n\nhello\n'`),
			"echo":  shell(`printf 'Content-Type: text/plain\n\n'`, "cat"),
			"large": shell(`printf 'Content-Type: text/plain\nContent-Length: 318890\n\n'`, "seq -f 'line %.0f' 0 29999"),
			"empty": shell(`printf 'Status: 204 Nothing\nX-Kind: empty\n\n'`),
			"gone":  shell(`printf 'Status: 410 Gone\nContent-Type: text/plain\n\nit was here'`),
		})
		cfg.MaxProcesses, cfg.QueueLimit, cfg.QueueDeadline = 8, 10000, time.Minute
		prepareCGI(t, srv, cfg)
	},
		servertest.Case{Name: "small", Target: "/cgi-bin/hello", Status: 200, Want: "hello\n"},
		servertest.Case{Name: "body", Method: "POST", Target: "/cgi-bin/echo", Body: "a=1&b=2", Status: 200, Want: "a=1&b=2"},
		servertest.Case{Name: "large body", Method: "POST", Target: "/cgi-bin/echo", Body: body, Status: 200, Want: body},
		servertest.Case{Name: "large", Target: "/cgi-bin/large", Status: 200, Want: lines.String()},
		servertest.Case{Name: "no content", Target: "/cgi-bin/empty", Status: 204},
		servertest.Case{Name: "status", Target: "/cgi-bin/gone", Status: 410, Want: "it was here"},
		servertest.Case{Name: "missing", Target: "/cgi-bin/missing", Status: 404},
	)
}

// variables returns what testdata/cgi/env.sh has printed.
func variables(body string) map[string]string {
	found := make(map[string]string)
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		found[name] = value
	}
	return found
}

func TestCGIEnvironment(t *testing.T) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Loop, &highball.Server{}, CGIConfig{Env: []string{"COLOUR=green", "TZ=Mars"}})
	host, port, _ := strings.Cut(s.Addr.String(), ":")
	c := s.Dial(t)
	c.Send("POST /cgi-bin/sub/env.sh/more%20of/it/?a=b%20c HTTP/1.1\r\nHost: Example.org:81\r\nContent-Type: text/x\r\nContent-Length: 3\r\n" +
		"Proxy: evil\r\nX-Two: 1\r\nX-Two: 2\r\nX_Under: no\r\nUser-Agent: me\r\n\r\nabc")
	got := variables(c.Receive("POST").Body)
	for name, want := range map[string]string{
		"GATEWAY_INTERFACE": "CGI/1.1",
		"SERVER_SOFTWARE":   "highball",
		"SERVER_PROTOCOL":   "HTTP/1.1",
		"SERVER_NAME":       "example.org",
		"SERVER_PORT":       port,
		"REQUEST_METHOD":    "POST",
		"REQUEST_URI":       "/cgi-bin/sub/env.sh/more%20of/it/?a=b%20c",
		"REQUEST_SCHEME":    "http",
		"SCRIPT_NAME":       "/cgi-bin/sub/env.sh",
		"SCRIPT_FILENAME":   s.dir + "/sub/env.sh",
		"PATH_INFO":         "/more of/it/",
		"PATH_TRANSLATED":   s.dir + "/more of/it/",
		"DOCUMENT_ROOT":     s.dir,
		"QUERY_STRING":      "a=b%20c",
		"REMOTE_ADDR":       host,
		"REMOTE_HOST":       host,
		"CONTENT_TYPE":      "text/x",
		"CONTENT_LENGTH":    "3",
		"HTTP_X_TWO":        "1,2",
		"HTTP_USER_AGENT":   "me",
		"HTTP_HOST":         "Example.org:81",
		"PATH":              os.Getenv("PATH"),
		"LC_ALL":            "C",
		"COLOUR":            "green",
		"TZ":                "Mars",
		"PWD_IS":            s.dir + "/sub",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"HTTP_PROXY", "HTTP_X_UNDER", "SECRET", "HOME", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "HTTPS", "ARG1"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s is set, to %q", name, value)
		}
	}
	got = variables(c.Get("/cgi-bin/env.sh").Body)
	for _, name := range []string{"PATH_INFO", "PATH_TRANSLATED", "CONTENT_LENGTH", "CONTENT_TYPE"} {
		if value, ok := got[name]; ok {
			t.Errorf("%s is set without need, to %q", name, value)
		}
	}
	if value, ok := got["QUERY_STRING"]; !ok || value != "" {
		t.Errorf("QUERY_STRING is %q, set: %v", value, ok)
	}
}

func TestCGIConfigRefused(t *testing.T) {
	for _, c := range []struct {
		cfg  CGIConfig
		want string
	}{
		{CGIConfig{Dir: "cgi-bin"}, "absolute"},
		{CGIConfig{Dir: "/nowhere/at/all"}, "no such"},
		{CGIConfig{Dir: "/dev/null"}, "is no folder"},
		{CGIConfig{Dir: "/", Env: []string{"HTTP_PROXY=x"}}, "HTTP_PROXY"},
		{CGIConfig{Dir: "/", Env: []string{"PATH_INFO=x"}}, "PATH_INFO"},
		{CGIConfig{Dir: "/", Env: []string{"NAME"}}, "NAME=VALUE"},
		{CGIConfig{Dir: "/", Interpreters: map[string]string{".x": "no-such-program"}}, "no-such-program"},
		{CGIConfig{Dir: "/", Interpreters: map[string]string{"py": "sh"}}, "like .py"},
	} {
		if _, err := NewCGI(c.cfg); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v, want one with %q", c.cfg, err, c.want)
		}
	}
}

func TestCGIScriptIsFound(t *testing.T) { eachWay(t, testCGIScriptIsFound) }

func testCGIScriptIsFound(t *testing.T, w way) {
	leaveNothing(t)
	outside := folder(t, map[string]string{"evil": shell(`printf 'Content-Type: text/plain\n\nevil'`)})
	dir := folder(t, map[string]string{
		"a/b":      shell(`printf 'Content-Type: text/plain\n\n%s' "$SCRIPT_NAME $PATH_INFO"`),
		"a/c.py":   "import sys\nprint('Content-Type: text/plain\\n\\nby', len(sys.argv))",
		"a/plain":  "text",
		"a/mad":    "#!/no/such/interpreter\n",
		"a/noline": "print something",
		".hidden":  shell("echo"),
	})
	for name, target := range map[string]string{"inside": "a/b", "outside": filepath.Join(outside, "evil"), "out": outside, "up": ".."} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a/plain", "a/c.py"} {
		if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Dir: dir, Warm: w.warm, Interpreters: map[string]string{".py": "python3"}})
	for _, c := range []struct {
		target string
		status int
		want   string // of the body, or of the log
	}{
		{"/cgi-bin/a/b", 200, "/cgi-bin/a/b "},
		{"/cgi-bin/a/b/", 200, "/cgi-bin/a/b /"},
		{"/cgi-bin/a/b/../b/x/y", 200, "/cgi-bin/a/b /x/y"},
		{"/cgi-bin/a/b/%2e%2e/b/x%2Fy", 200, "/cgi-bin/a/b /x/y"},
		{"/cgi-bin/inside/x", 200, "/cgi-bin/inside /x"},
		{"/cgi-bin/a/c.py", 200, "by 1\n"},
		{"/cgi-bin/outside", 404, "escapes"},
		{"/cgi-bin/out/evil", 404, "escapes"},
		{"/cgi-bin/up/etc", 404, "escapes"},
		{"/cgi-bin/.hidden", 404, "hidden"},
		{"/cgi-bin/a", 404, "is a folder"},
		{"/cgi-bin/", 404, "is a folder"},
		{"/cgi-bin", 404, "is a folder"},
		{"/cgi-bin/nothing", 404, "no such file"},
		{"/cgi-bin/a/plain", 403, "not executable"},
		{"/cgi-bin/a/mad", 500, "interpreter of its #! line does not exist"},
		{"/cgi-bin/a/noline", 500, "it has no #! line"},
		{"/elsewhere", 404, ""},
	} {
		r := s.Dial(t).Get(c.target)
		if r.Status != c.status {
			t.Errorf("%s: status %d, want %d", c.target, r.Status, c.status)
		} else if c.status == 200 && r.Body != c.want {
			t.Errorf("%s: %q, want %q", c.target, r.Body, c.want)
		}
		if c.status != 200 {
			s.awaitLog(t, c.want)
		}
		if strings.Contains(r.Body, "evil") || strings.Contains(r.Body, dir) {
			t.Errorf("%s: the client sees %q", c.target, r.Body)
		}
	}
}

func TestCGIArguments(t *testing.T) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{})
	c := s.Dial(t)
	for _, x := range []struct {
		query  string
		status int
		want   string
	}{
		{"one+two", 200, "ARG1=one\nARG2=two\n"},
		{"a%20b+%24%28id%29;ls", 200, "ARG1=a b\nARG2=$(id);ls\n"},
		{"name=value", 200, ""},
		{"a%3Db", 200, "ARG1=a=b\n"},
		{"-s", 400, ""},
		{"a+-d+allow_url_include", 400, ""},
		{"%2Ds", 400, ""},
		{"%20-s", 400, ""},
		{"a%00", 400, ""},
		{"-s=1", 200, ""},
	} {
		r := c.Get("/cgi-bin/env.sh?" + x.query)
		_, args, _ := strings.Cut(r.Body, "PWD_IS="+s.dir+"\n")
		if r.Status != x.status || x.status == 200 && args != x.want {
			t.Errorf("%s: %d %q, want %d %q", x.query, r.Status, args, x.status, x.want)
		}
	}
	c.Send("POST /cgi-bin/env.sh?word HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
	if r := c.Receive("POST"); strings.Contains(r.Body, "ARG1") || !strings.Contains(r.Body, "CONTENT_LENGTH=0\n") {
		t.Errorf("POST is given the words of a query, or no length: %q", r.Body)
	}
}

// Older servers run scripts that print no header, with the value of a form as their argument.
func TestCGILenient(t *testing.T) {
	leaveNothing(t)
	strict := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{})
	if r := strict.Dial(t).Get("/cgi-bin/bare.py?name=Ada"); r.Status != 502 {
		t.Errorf("strict: status %d", r.Status)
	}
	strict.awaitLog(t, "lenient mode takes output without")
	eachWay(t, func(t *testing.T, w way) {
		testLenient(t, serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Lenient: true, Warm: w.warm}))
	})
}

func testLenient(t *testing.T, s *scripts) {
	const form = "Content-Type: application/x-www-form-urlencoded\r\n"
	for _, x := range []struct {
		name, request string
		status        int
		want          string
	}{
		{"query", "GET /cgi-bin/bare.py?name=Ada+%26+Bob&x=1 HTTP/1.1\r\nHost: t\r\n\r\n", 200, "Hello, Ada & Bob<"},
		{"body", "POST /cgi-bin/bare.py HTTP/1.1\r\nHost: t\r\n" + form + "Content-Length: 12\r\n\r\nname=Eve&y=2", 200, "Hello, Eve<"},
		{"large body", "POST /cgi-bin/bare.py HTTP/1.1\r\nHost: t\r\n" + form + "Content-Length: 200012\r\n\r\nname=Eve&y=2" + strings.Repeat("z", 200000), 200, "Hello, Eve<"},
		{"other body", "POST /cgi-bin/bare.py HTTP/1.1\r\nHost: t\r\nContent-Length: 8\r\n\r\nname=Eve", 200, "Hello, nobody<"},
		{"none", "GET /cgi-bin/bare.py HTTP/1.1\r\nHost: t\r\n\r\n", 200, "Hello, nobody<"},
		{"option", "GET /cgi-bin/bare.py?name=-rf HTTP/1.1\r\nHost: t\r\n\r\n", 400, ""},
		{"zero byte", "GET /cgi-bin/bare.py?name=a%00 HTTP/1.1\r\nHost: t\r\n\r\n", 400, ""},
		{"with a header", "GET /cgi-bin/large.py HTTP/1.1\r\nHost: t\r\n\r\n", 200, "line 29999\n"},
	} {
		c := s.Dial(t)
		c.Send(x.request)
		r := c.Receive("GET")
		if r.Status != x.status || !strings.Contains(r.Body, x.want) {
			t.Errorf("%s: %d %.200q, want %d with %q", x.name, r.Status, r.Body, x.status, x.want)
		}
		c.Close()
		if x.name == "query" && r.Value("Content-Type") != "text/html" {
			t.Errorf("Content-Type %q", r.Value("Content-Type"))
		}
	}
}

// asUser is a handler behind one that has found out who the user is.
type asUser struct {
	highball.Handler
	user string
}

func (h asUser) Serve(w *highball.Response, r *highball.Request) error {
	r.SetUser(h.user)
	return h.Handler.Serve(w, r)
}

// A script learns who the user is, and then not by which password. What the server has not looked at it may look at.
func TestCGIUser(t *testing.T) {
	for _, user := range []string{"Ada", ""} {
		leaveNothing(t)
		srv := &highball.Server{}
		s := prepareCGI(t, srv, CGIConfig{})
		srv.Handler = asUser{srv.Handler, user}
		s.Server = servertest.New(t, servertest.Goroutine, srv)
		c := s.Dial(t)
		c.Send("GET /cgi-bin/env.sh HTTP/1.1\r\nHost: test\r\nAuthorization: Basic QWRhOnNlY3JldA==\r\n\r\n")
		got := variables(c.Receive("GET").Body)
		want := map[string]string{"REMOTE_USER": "Ada", "AUTH_TYPE": "Basic", "HTTP_AUTHORIZATION": ""}
		if user == "" {
			want = map[string]string{"REMOTE_USER": "", "AUTH_TYPE": "", "HTTP_AUTHORIZATION": "Basic QWRhOnNlY3JldA=="}
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("user %q: %s is %q, want %q", user, name, got[name], value)
			}
		}
	}
}
