package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// set fills Overrides from pairs of name and value.
func set(t *testing.T, pairs ...string) Overrides {
	t.Helper()
	var o Overrides
	for i := 0; i < len(pairs); i += 2 {
		if err := o.Set(pairs[i], pairs[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

func TestSetRefuses(t *testing.T) {
	tests := []struct{ name, value, part string }{
		{"prot", "80", `unknown setting "prot"; did you mean "port"?`},
		{"port", "65536", `"65536" is not a port`},
		{"port", "http", "from 0 (any free port) to 65535"},
		{"bind", "127.0.0.1:80", `give the host "127.0.0.1" here and the port "80"`},
		{"bind", "[::1]:80", `give the host "::1" here`},
		{"bind", "[127.0.0.1]", "brackets"},
		{"bind", "[::1", "brackets"},
		{"bind", "*", `write "0.0.0.0"`},
		{"bind", "a b", "not a host"},
		{"access-log", "comon", `did you mean "common"?`},
		{"access-log", "xml", "known here: common, combined, json, off"},
		{"slow", "soon", "not a duration"},
		{"stats-log", "", "not the path of a file; write the path of a file, or off"},
		{"cache", "soon", "not a duration"},
		{"cors", "maybe", `"maybe" says neither yes nor no`},
		{"timeout", "0", `"0" is no time to wait; write seconds, or a number and a unit`},
		{"timeout", "-3s", "negative"},
		{"timeout", "long", "not a duration"},
		{"workers", "0", `"0" is not a count; write a number from 1 up`},
		{"threads", "many", `"many" is not a count`},
		{"python", "", "not a path"},
		{"max-requests", "-1", "not a count"},
		{"max-memory", "much", "not a size"},
		{"max-body", "0", "leaves no room"},
		{"queue", "off", "not a count"},
		{"queue-timeout", "off", "no time to wait"},
	}
	for _, test := range tests {
		var o Overrides
		refused(t, test.name+" "+test.value, o.Set(test.name, test.value), test.part)
		if o != (Overrides{}) {
			t.Errorf("%s %s: a refused value was stored", test.name, test.value)
		}
	}
}

func TestApplyListen(t *testing.T) {
	file := []string{"unix:/run/x.sock", "192.0.2.1:80", "192.0.2.1:81"}
	tests := []struct {
		name      string
		listen    []string
		overrides []Overrides
		want      []string
	}{
		{"nothing", file, []Overrides{{}}, file},
		{"a port", file, []Overrides{set(t, "port", "8080")}, []string{"192.0.2.1:8080"}},
		{"a host", file, []Overrides{set(t, "bind", "::")}, []string{"[::]:80"}},
		{"both", file, []Overrides{set(t, "bind", "localhost", "port", "0")}, []string{"localhost:0"}},
		{"every interface", file, []Overrides{set(t, "bind", "")}, []string{":80"}},
		{"one after the other", file, []Overrides{set(t, "port", "8080"), set(t, "bind", "[::1]", "port", "8081")}, []string{"[::1]:8081"}},
		{"no TCP listener", file[:1], []Overrides{set(t, "bind", "0.0.0.0")}, []string{"0.0.0.0:8000"}},
		{"no listener", nil, []Overrides{set(t, "port", "1")}, []string{"127.0.0.1:1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := new(Config)
			for _, s := range test.listen {
				l, err := ParseListen(s)
				if err != nil {
					t.Fatal(err)
				}
				c.Listen = append(c.Listen, l)
			}
			for _, o := range test.overrides {
				c.Apply(o)
			}
			var got []string
			for _, l := range c.Listen {
				got = append(got, l.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyToEverySite(t *testing.T) {
	all := set(t, "access-log", "json", "cors", "yes", "cache", "60", "listing", "true", "spa", "on", "upload", "1", "debug", "true", "trace", "1")
	c := Default()
	c.Sites = []Site{DefaultSite("/a"), DefaultSite("/b")}
	c.Apply(all)
	want := Default()
	for _, root := range []string{"/a", "/b"} {
		s := DefaultSite(root)
		minute := time.Minute
		s.Policy.CORS = &CORS{Origins: []string{"*"}}
		s.Cache, s.Listing, s.SPA, s.Upload = &minute, true, true, true
		want.Sites = append(want.Sites, s)
	}
	want.Log.Access, want.Debug, want.Trace = "json", true, true
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	c.Apply(set(t, "listing", "no", "cache", "off"))
	if s := c.Sites[1]; s.Listing || s.Cache != nil || s.Policy.CORS == nil {
		t.Errorf("the second overrides did not switch off what they name, or more: %+v", s)
	}
}

// A listener in place of all leaves those sites out that answer elsewhere.
func TestApplyListenToSites(t *testing.T) {
	text := `listen = ["unix:/run/x.sock", "192.0.2.1:80", "192.0.2.1:81"]
[[site]]
root = "."
listen = ["192.0.2.1:80", "unix:/run/x.sock"]
[[site]]
root = "."
listen = ["192.0.2.1:81"]
[[site]]
root = "."
hosts = ["a.example"]
`
	c, err := ParseTOML("x.toml", []byte(text), ".")
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(set(t, "access-log", "off"))
	if len(c.Sites) != 3 || len(c.Sites[0].Listen) != 2 {
		t.Fatalf("sites %+v", c.Sites)
	}
	c.Apply(set(t, "port", "8080"))
	if len(c.Sites) != 2 || !slices.Equal(c.Sites[0].Listen, []string{"192.0.2.1:8080"}) || c.Sites[1].Listen != nil || c.Sites[1].Hosts == nil {
		t.Errorf("sites %+v", c.Sites)
	}
	want := "x.toml:5:3: this site is left out, since the server listens at 192.0.2.1:8080 alone; leave out the host and the port, which go before the listen of the file"
	if len(c.Notices) != 1 || c.Notices[0].Error() != want {
		t.Errorf("notices %v", c.Notices)
	}
}

// What the command line says about scripts of other origins holds for routes, too.
func TestApplyCORSToRoutes(t *testing.T) {
	c, err := ParseTOML("x.toml", []byte("[[site]]\ncors = { origins = ['https://example.org'] }\n[[site.route]]\npath = '/a/'\nroot = '.'\n[[site.route]]\npath = '/b/'\nroot = '.'\ncors = false\n"), ".")
	if err != nil {
		t.Fatal(err)
	}
	s := &c.Sites[0]
	if s.Routes[0].Policy.CORS.Origins[0] != "https://example.org" || !s.Routes[1].Policy.CORS.Off {
		t.Fatalf("routes %+v", s.Routes)
	}
	c.Apply(set(t, "cors", "1"))
	for _, p := range []Policy{s.Policy, s.Routes[0].Policy, s.Routes[1].Policy} {
		if diff := cmp.Diff(&CORS{Origins: []string{"*"}}, p.CORS); diff != "" {
			t.Error(diff)
		}
	}
	c.Apply(set(t, "cors", "0"))
	for _, p := range []Policy{s.Policy, s.Routes[0].Policy, s.Routes[1].Policy} {
		if p.CORS != nil {
			t.Errorf("scripts are let in: %+v", p.CORS)
		}
	}
}

func TestApplyToEveryApp(t *testing.T) {
	c := Default()
	c.Apps = []App{DefaultApp("a", "a:app", "/srv"), DefaultApp("b", "b:app", "/srv")}
	c.Apply(set(t, "workers", "3", "max-workers", "6", "threads", "2", "preload", "1", "python", "/opt/python", "max-requests", "1000", "max-age", "1h",
		"max-memory", "500MB", "queue", "9", "queue-timeout", "5", "max-body", "10MB", "reload", "yes", "timeout", "90"))
	for i, name := range []string{"a", "b"} {
		want := DefaultApp(name, name+":app", "/srv")
		want.Workers, want.MaxWorkers, want.Threads, want.Preload, want.Reload = 3, 6, 2, true, true
		want.Python = "/opt/python"
		want.MaxRequests, want.RequestsJitter, want.MaxAge, want.MaxMemory = 1000, 100, time.Hour, 500e6
		want.QueueLimit, want.QueueDeadline, want.MaxBody = 9, 5*time.Second, 10e6
		if diff := cmp.Diff(want, c.Apps[i]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if c.Timeouts.Handler != 90*time.Second {
		t.Errorf("handler deadline %v", c.Timeouts.Handler)
	}

	c.Apply(set(t, "max-requests", "0", "max-age", "off", "max-memory", "off", "max-body", "off", "timeout", "off"))
	if a := c.Apps[1]; a.MaxRequests != 0 || a.RequestsJitter != 0 || a.MaxAge != 0 || a.MaxMemory != 0 || a.MaxBody != Off || a.Workers != 3 {
		t.Errorf("the second overrides did not switch off what they name, or more: %+v", a)
	}
	if c.Timeouts.Handler != Off {
		t.Errorf("handler deadline %v", c.Timeouts.Handler)
	}
}

// A path stays what it was where it was written; a name is looked for later.
func TestParsePython(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("venv", 0o755); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"python3.12": "python3.12", "venv": filepath.Join(here, "venv"), "./none": filepath.Join(here, "none"), here: here,
	} {
		if got, err := parsePython(s); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", s, got, err, want)
		}
	}
}

// Zero asks clients to revalidate, which is not the same as to say nothing.
func TestApplyCacheOfZero(t *testing.T) {
	c := Config{Sites: []Site{DefaultSite("/a")}}
	c.Apply(set(t, "cache", "0"))
	if age := c.Sites[0].Cache; age == nil || *age != 0 {
		t.Errorf("cache is %v, want zero", age)
	}
}

func TestEnvironment(t *testing.T) {
	o, warnings, err := Environment([]string{
		"PATH=/bin", "PORT=9000", "HIGHBALL_PORT=9001", "HIGHBALL_BIND=0.0.0.0", "HIGHBALL_ACCESS_LOG=off", "HIGHBALL_CORS=1", "HIGHBALL_CACHE=1h",
		"HIGHBALL_LISTING=no", "HIGHBALL_SPA=true", "HIGHBALL_UPLOAD=yes", "HIGHBALL_DEBUG=on", "HIGHBALL_TRACE=", "=C:=C:\\", "HIGHBALL",
	})
	if err != nil || warnings != nil {
		t.Fatal(warnings, err)
	}
	want := set(t, "port", "9001", "bind", "0.0.0.0", "access-log", "off", "cors", "true", "cache", "3600", "listing", "false", "spa", "true", "upload", "true", "debug", "true")
	if diff := cmp.Diff(want, o); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEnvironmentPort(t *testing.T) {
	tests := []struct {
		environ []string
		want    int
	}{
		{[]string{"PORT=80"}, 80},
		{[]string{"PORT="}, -1},
		{[]string{"PORT=80", "HIGHBALL_PORT="}, 80},
		{[]string{"HIGHBALL_PORT=81", "PORT=80"}, 81},
		{[]string{"HIGHBALL_PORT=81", "PORT=tcp://10.0.0.1:80"}, 81},
		{[]string{"PORT=0"}, 0},
	}
	for _, test := range tests {
		o, _, err := Environment(test.environ)
		if err != nil {
			t.Errorf("%v: %v", test.environ, err)
		}
		got := -1
		if o.Port != nil {
			got = *o.Port
		}
		if got != test.want {
			t.Errorf("%v: port is %d, want %d", test.environ, got, test.want)
		}
	}
}

func TestEnvironmentWorkers(t *testing.T) {
	for want, environ := range map[int][]string{
		3: {"WEB_CONCURRENCY=3"},
		4: {"HIGHBALL_WORKERS=4", "WEB_CONCURRENCY=all"},
		5: {"HIGHBALL_WORKERS=", "WEB_CONCURRENCY=5", "PORT=80"},
	} {
		if o, _, err := Environment(environ); err != nil || o.Workers == nil || *o.Workers != want {
			t.Errorf("%v: %v, error %v", environ, o.Workers, err)
		}
	}
}

func TestEnvironmentErrors(t *testing.T) {
	_, _, err := Environment([]string{"PORT=eighty", "HIGHBALL_CORS=perhaps", "HIGHBALL_BIND=a b"})
	want := `HIGHBALL_BIND: "a b" is not a host to listen at; write an IP address or a host name
HIGHBALL_CORS: "perhaps" says neither yes nor no; write 1 or 0, true or false, yes or no, on or off
PORT: "eighty" is not a port; write a number from 0 (any free port) to 65535`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEnvironmentWarnings(t *testing.T) {
	_, warnings, err := Environment([]string{"HIGHBALL_ZZZ=1", "HIGHBALL_ACESS_LOG=json", "HIGHBALL_EMPTY="})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"HIGHBALL_ACESS_LOG: unknown variable; did you mean HIGHBALL_ACCESS_LOG?",
		"HIGHBALL_ZZZ: unknown variable; known are HIGHBALL_BIND, HIGHBALL_PORT, HIGHBALL_ACCESS_LOG, HIGHBALL_STATS_LOG, HIGHBALL_SLOW, HIGHBALL_CORS, HIGHBALL_CACHE, HIGHBALL_LISTING, HIGHBALL_SPA, HIGHBALL_UPLOAD, HIGHBALL_DEBUG, HIGHBALL_TRACE, HIGHBALL_TIMEOUT, HIGHBALL_WORKERS, HIGHBALL_MAX_WORKERS, HIGHBALL_THREADS, HIGHBALL_PRELOAD, HIGHBALL_PYTHON, HIGHBALL_MAX_REQUESTS, HIGHBALL_MAX_AGE, HIGHBALL_MAX_MEMORY, HIGHBALL_QUEUE, HIGHBALL_QUEUE_TIMEOUT, HIGHBALL_MAX_BODY, HIGHBALL_RELOAD",
	}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is set for all sites is so for the folders of routes, whatever the file says about them.
func TestApplyToRoutes(t *testing.T) {
	c, err := ParseTOML("x.toml", []byte("[[site]]\n[[site.route]]\npath = '/a/'\nroot = '.'\nlisting = true\nspa = true\ncache = 'off'\nindex = ['x']\n"), ".")
	if err != nil {
		t.Fatal(err)
	}
	c.Apply(set(t, "listing", "no", "cache", "5"))
	got := c.Sites[0].Routes[0].Files
	if got.Listing != nil || got.Cache != nil || got.SPA == nil || len(got.Index) != 1 {
		t.Errorf("settings of the route: %+v", got)
	}
	c.Apply(set(t, "spa", "no"))
	if c.Sites[0].Routes[0].Files.SPA != nil {
		t.Error("spa of the route goes before that of the command line")
	}
}
