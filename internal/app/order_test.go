package app

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"highball/internal/config"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// settings are what the tests of precedence look at.
type settings struct {
	Listen  string
	Access  string
	Listing bool
	Cache   time.Duration // -1 is none
}

func TestPrecedence(t *testing.T) {
	folder(t, "public/")
	write(t, "highball.toml", `
listen = ["127.0.0.1:7001"]
log.access = "combined"
[[site]]
root = "public"
cache = 5
`)
	write(t, "web.conf", "host default public\n")
	for name, test := range map[string]struct {
		order   Order
		environ []string
		want    settings
	}{
		"a folder: the built-in values": {
			order: Order{Argument: "public"},
			want:  settings{"127.0.0.1:8000", "common", true, -1},
		},
		"the file before the built-in values": {
			order: Order{Task: RunConfiguration},
			want:  settings{"127.0.0.1:7001", "combined", false, 5 * time.Second},
		},
		"the file as an argument": {
			order: Order{Argument: "highball.toml"},
			want:  settings{"127.0.0.1:7001", "combined", false, 5 * time.Second},
		},
		"an old file": {
			order: Order{Argument: "web.conf"},
			want:  settings{"127.0.0.1:8000", "common", false, -1},
		},
		"the environment before the file": {
			order:   Order{Task: RunConfiguration, Argument: "."},
			environ: []string{"PORT=7002", "HIGHBALL_ACCESS_LOG=json", "HIGHBALL_LISTING=1", "HIGHBALL_CACHE=off", "OTHER=1"},
			want:    settings{"127.0.0.1:7002", "json", true, -1},
		},
		"HIGHBALL_PORT before PORT": {
			order:   Order{Argument: "public"},
			environ: []string{"HIGHBALL_PORT=7003", "PORT=7002"},
			want:    settings{"127.0.0.1:7003", "common", true, -1},
		},
		"flags before the environment": {
			order: Order{Task: RunConfiguration, Settings: []Setting{
				{"port", "7004"}, {"bind", "::1"}, {"access-log", "off"}, {"listing", "false"}, {"cache", "9"},
			}},
			environ: []string{"PORT=7002", "HIGHBALL_ACCESS_LOG=json", "HIGHBALL_LISTING=1"},
			want:    settings{"[::1]:7004", "off", false, 9 * time.Second},
		},
		"the last of two flags": {
			order: Order{Argument: "public", Settings: []Setting{{"listing", "false"}, {"listing", "true"}}},
			want:  settings{"127.0.0.1:8000", "common", true, -1},
		},
		"a port as an argument is a flag": {
			order:   Order{Argument: "7005"},
			environ: []string{"PORT=7002"},
			want:    settings{"127.0.0.1:7005", "common", true, -1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, _, _, err := test.order.Configuration(test.environ)
			if err != nil {
				t.Fatal(err)
			}
			got := settings{c.Listen[0].String(), c.Log.Access, c.Sites[0].Listing, -1}
			if age := c.Sites[0].Cache; age != nil {
				got.Cache = *age
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSettingsOfSites(t *testing.T) {
	folder(t)
	c, _, _, err := Order{Settings: []Setting{
		{"hidden", "true"}, {"symlinks", "none"}, {"upload", "true"}, {"upload-limit", "5MB"}, {"upload-overwrite", "true"}, {"spa", "true"}, {"cors", "true"},
	}}.Configuration(nil)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Sites[0]
	if !s.Hidden || s.Symlinks != config.SymlinksNone || !s.Upload || s.UploadLimit != 5e6 || !s.UploadOverwrite || !s.SPA || s.Policy.CORS == nil {
		t.Errorf("%+v", s)
	}
}

// order is an Order for an argument and pairs of a flag and its value.
func order(argument string, flags ...string) Order {
	o := Order{Argument: argument}
	for i := 0; i < len(flags); i += 2 {
		o.Settings = append(o.Settings, Setting{flags[i], flags[i+1]})
	}
	return o
}

func TestOrderOfAnApplication(t *testing.T) {
	dir := folder(t, "src/", "src/shop.py", "public/", "media/", "app.env")
	c, subject, notices, err := order("shop:make", "chdir", "src", "factory", "true", "mount", "/shop", "static", "/static=public", "static", "/m/=media",
		"env", "A=1", "env", "B=2", "env-file", "app.env", "threads", "2", "timeout", "90", "spa", "true").Configuration([]string{"WEB_CONCURRENCY=3"})
	if err != nil || subject != "shop:make" || notices != nil {
		t.Fatalf("subject %q, notices %q, error %v", subject, notices, err)
	}
	app := config.DefaultApp("shop", "shop:make", filepath.Join(dir, "src"))
	app.Factory, app.EnvFile, app.Env, app.Workers, app.Threads = true, filepath.Join(dir, "app.env"), []string{"A=1", "B=2"}, 3, 2
	site := config.DefaultSite("")
	site.SPA = true
	site.Routes = []config.Route{
		{Path: "/shop/", App: "shop"},
		{Path: "/static/", Root: filepath.Join(dir, "public")},
		{Path: "/m/", Root: filepath.Join(dir, "media")},
	}
	want := config.Default()
	want.Apps, want.Sites, want.Timeouts.Handler = []config.App{app}, []config.Site{site}, 90*time.Second
	if diff := cmp.Diff(&want, c); diff != "" {
		t.Error(diff)
	}
}

func TestWorkersPrecedence(t *testing.T) {
	folder(t)
	for _, test := range []struct {
		environ []string
		flags   []string
		want    int
	}{
		{nil, nil, 0},
		{[]string{"WEB_CONCURRENCY=2"}, nil, 2},
		{[]string{"WEB_CONCURRENCY=2", "HIGHBALL_WORKERS=3"}, nil, 3},
		{[]string{"WEB_CONCURRENCY=2", "HIGHBALL_WORKERS=3"}, []string{"workers", "4"}, 4},
	} {
		c, _, _, err := order("shop:app", test.flags...).Configuration(test.environ)
		if err != nil || c.Apps[0].Workers != test.want {
			t.Errorf("%v, %v: %+v, error %v; want %d", test.environ, test.flags, c.Apps, err, test.want)
		}
	}
}

func TestFlagsWithoutEffect(t *testing.T) {
	folder(t, "public/")
	const noApp = " has no effect, since no Python application is served; module:callable in place of the folder names one"
	const noFiles = " has no effect, since no files are served; --static /static=DIR has some served"
	for _, test := range []struct {
		order Order
		want  []string
	}{
		{order("public", "workers", "2", "env", "A=1", "env", "B=2", "mount", "/x"), []string{"--workers" + noApp, "--env" + noApp, "--mount" + noApp}},
		{order("public", "timeout", "9s", "static", "/x=public", "cors", "true"), nil},
		{order("shop:app", "spa", "true", "upload-limit", "1MB"), []string{"--spa" + noFiles, "--upload-limit" + noFiles}},
		{order("shop:app", "static", "/s=public", "spa", "true", "workers", "1"), nil},
		{order("shop:app", "static", "/s=public", "upload-limit", "1MB"), []string{"--upload-limit has no effect, since no site takes uploads; --upload has it do so"}},
	} {
		_, _, notices, err := test.order.Configuration([]string{"HIGHBALL_LISTING=1", "HIGHBALL_THREADS=2"})
		if diff := cmp.Diff(test.want, notices); diff != "" || err != nil {
			t.Errorf("%+v: error %v, notices:\n%s", test.order, err, diff)
		}
	}
}

func TestSubjectAndNotices(t *testing.T) {
	dir := folder(t, "site/")
	write(t, "site/highball.toml", "[[site]]\nroot = \".\"\n")
	for _, test := range []struct {
		order   Order
		subject string
		notices []string
	}{
		{Order{}, dir, nil},
		{Order{Argument: "site"}, dir + "/site", []string{`site/highball.toml is served as a plain file; "highball run site" runs it`}},
		{Order{Task: RunConfiguration, Argument: "site"}, dir + "/site/highball.toml", nil},
	} {
		_, subject, notices, err := test.order.Configuration(nil)
		if err != nil {
			t.Fatal(err)
		}
		if subject != filepath.FromSlash(test.subject) || !cmp.Equal(notices, test.notices) {
			t.Errorf("%+v: subject %q, notices %q", test.order, subject, notices)
		}
	}
}

func TestOrdersRefused(t *testing.T) {
	folder(t, "empty/", "notes.txt")
	write(t, "broken.toml", "[[site]]\nroot = \"none\"\nlistn = 1\n")
	for name, test := range map[string]struct {
		order   Order
		environ []string
		usage   bool // the order itself is at fault
		err     string
	}{
		"a folder without a configuration": {
			order: Order{Task: RunConfiguration, Argument: "empty"}, usage: true,
			err: `there is no highball.toml in empty; to serve the files in it, write "highball empty"`,
		},
		"no such configuration": {
			order: Order{Task: RunConfiguration, Argument: "none.toml"}, usage: true,
			err: "there is no file or folder none.toml",
		},
		"a file of no known kind": {
			order: Order{Task: RunConfiguration, Argument: "notes.txt"},
			err:   "notes.txt: the name does not tell what kind of configuration this is; use a name that ends in .toml (highball.toml) or in .conf (the old web.conf)",
		},
		"a flag": {
			order: Order{Settings: []Setting{{"port", "x"}}}, usage: true,
			err: `--port: "x" is not a port; write a number from 0 (any free port) to 65535`,
		},
		"two ports": {
			order: Order{Argument: "80", Settings: []Setting{{"port", "81"}}}, usage: true,
			err: "the port is given twice; write it once, as the argument or with -p",
		},
		"the environment": {
			environ: []string{"HIGHBALL_LISTING=perhaps"},
			err:     `HIGHBALL_LISTING: "perhaps" says neither yes nor no; write 1 or 0, true or false, yes or no, on or off`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, _, err := test.order.Configuration(test.environ)
			var usage *UsageError
			if err == nil || err.Error() != test.err || errors.As(err, &usage) != test.usage {
				t.Errorf("error %v (%T)\nwant  %s", err, err, test.err)
			}
		})
	}
}

func TestMessage(t *testing.T) {
	faults := config.Errors{{Pos: config.Pos{File: "a.toml", Line: 1, Column: 2}, Problem: "bad"}, {Pos: config.Pos{File: "a.toml", Line: 3, Column: 4}, Problem: "worse"}}
	for _, test := range []struct {
		err  error
		want string
	}{
		{faults, "a.toml:1:2: bad\na.toml:3:4: worse"},
		{errors.New("listen 127.0.0.1:80: permission denied"), "highball: listen 127.0.0.1:80: permission denied"},
	} {
		if got := Message(test.err); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
