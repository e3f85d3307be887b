package config

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hostRoots lists the sites as "host root", the default site as "- root", roots relative to testdata/fixture.
func hostRoots(t *testing.T, sites []Site) []string {
	t.Helper()
	base, err := filepath.Abs("testdata/fixture")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range sites {
		root, err := filepath.Rel(base, s.Root)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Join(append(s.Hosts, root), " "))
	}
	return all
}

func TestWebConf(t *testing.T) {
	absolute, err := filepath.Abs("testdata/fixture/other")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		sites      []string
		media      map[string]string
		idle       time.Duration
	}{
		{
			"everything",
			"host default public\nhost www.example.org other\nmedia html text/html\nmedia jpg image/jpeg\nparameter timeout 7\n",
			[]string{"public", "www.example.org other"},
			map[string]string{"html": "text/html", "jpg": "image/jpeg"},
			7 * time.Second,
		},
		{"an absolute path", "host default " + absolute, []string{"other"}, nil, time.Second},
		{"no fallback", "host a.example public", []string{"a.example public"}, nil, time.Second},
		{"any white space", "  host\t \tdefault\v public \r\n\r\n \t \nmedia\u00a0a  b/c\r\n", []string{"public"}, map[string]string{"a": "b/c"}, time.Second},
		{"a byte order mark", "\ufeffhost default public", []string{"public"}, nil, time.Second},
		{"unknown lines", "# host a.example nowhere\n#host a nowhere\nport 80 80\nHost a.example nowhere\nhost default public\nparameter color red", []string{"public"}, nil, time.Second},
		{"short lines", "host\nhost default\nmedia html\nparameter timeout\nhost default public", []string{"public"}, nil, time.Second},
		{"extra words", "host default public and more\nmedia html text/html; charset=utf-8\nparameter timeout 2 seconds", []string{"public"}, map[string]string{"html": "text/html;"}, 2 * time.Second},
		{
			"the last duplicate wins, and only it is judged",
			"host default nowhere\nhost a.example public\nhost default public\nhost A.example:8080 other\nmedia a b/c\nmedia a d/e\nparameter timeout x\nparameter timeout 3",
			[]string{"public", "a.example other"},
			map[string]string{"a": "d/e"},
			3 * time.Second,
		},
		{"names without port, in lower case", "host WWW.Example.ORG:80 public\nhost [::1]:80 public\nhost b.example. other", []string{"www.example.org public", "[::1] public", "b.example other"}, nil, time.Second},
		{"decimals", "host default public\nparameter timeout 0.25", []string{"public"}, nil, 250 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseWebConf("web.conf", []byte(test.text), "testdata/fixture")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.sites, hostRoots(t, c.Sites)); diff != "" {
				t.Errorf("sites (-want +got):\n%s", diff)
			}
			if len(test.media)+len(c.Media) > 0 {
				if diff := cmp.Diff(test.media, c.Media); diff != "" {
					t.Errorf("media (-want +got):\n%s", diff)
				}
			}
			if c.Timeouts.Idle != test.idle {
				t.Errorf("idle timeout is %v, want %v", c.Timeouts.Idle, test.idle)
			}
			if c.DefaultMedia != "text/plain" {
				t.Errorf("unlisted extensions are %q, want text/plain", c.DefaultMedia)
			}
			for _, s := range c.Sites {
				if s.Listing || s.Pos.Line == 0 {
					t.Errorf("site %v lists its folders or has no position", s)
				}
			}
		})
	}
}

func TestWebConfErrors(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{`1:1: there is no host, so there is nothing to serve; write "host default PATH", where PATH is the folder to serve`}},
		{"no host line", "media html text/html\n", []string{"1:1: there is no host"}},
		{"missing folders", "host default nowhere\n\n host  a.example\t/nowhere/at/all", []string{
			`1:14: the folder "DIR/nowhere" does not exist; relative paths start at the folder of this file`,
			`3:18: the folder "/nowhere/at/all" does not exist`,
		}},
		{"a file in place of a folder", "host default 404.html", []string{`1:14: "DIR/404.html" is not a folder`}},
		{"not a host name", "host a/b public\nhost :80 public", []string{`1:6: "a/b" is not a host name`, `2:6: the host name "" is empty`}},
		{"control bytes in a media type", "host default public\nmedia html text/\x01html", []string{`2:12: "text/\x01html" is not a media type`}},
		{"a timeout in words", "host default public\nparameter timeout one", []string{`2:19: the timeout "one" is not a positive number`}},
		{"no time at all", "host default public\nparameter timeout 0", []string{`2:19: the timeout "0" is not a positive number`}},
		{"a negative timeout", "host default public\nparameter timeout -1", []string{`2:19: the timeout "-1"`}},
		{"not a number", "host default public\nparameter timeout nan", []string{`2:19: the timeout "nan"`}},
		{"forever", "host default public\nparameter timeout inf", []string{`2:19: the timeout "inf"`}},
	}
	base, err := filepath.Abs("testdata/fixture")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseWebConf("web.conf", []byte(test.text), "testdata/fixture")
			var errs Errors
			if !errors.As(err, &errs) {
				t.Fatalf("error is %T %v, want Errors", err, err)
			}
			checkPositions(t, "web.conf", []byte(test.text), errs)
			if len(errs) != len(test.want) {
				t.Fatalf("%d errors, want %d:\n%v", len(errs), len(test.want), err)
			}
			for i, want := range test.want {
				got := strings.ReplaceAll(errs[i].Error(), base, "DIR")
				if !strings.HasPrefix(got, "web.conf:"+want) {
					t.Errorf("error is\n%s\nwant\nweb.conf:%s", got, want)
				}
			}
		})
	}
}
