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
	if !s.Hidden || s.Symlinks != config.SymlinksNone || !s.Upload || s.UploadLimit != 5e6 || !s.UploadOverwrite || !s.SPA || !s.CORS {
		t.Errorf("%+v", s)
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
