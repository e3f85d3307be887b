//go:build linux

package gateway_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// hgwebScript is hgweb.cgi as it comes with Mercurial, but for the two lines that it says are to be adjusted.
const hgwebScript = `#!%s
#
# An example hgweb CGI script, edit as necessary
# See also https://mercurial-scm.org/wiki/PublishingRepositories

# Path to repo or hgweb config to serve (see 'hg help hgweb')
config = b"%s"

# Uncomment and adjust if Mercurial is not installed system-wide
# (consult "installed modules" path from 'hg debuginstall'):
# import sys; sys.path.insert(0, "/path/to/python/lib")

# Uncomment to send python tracebacks to the browser if an error occurs:
# import cgitb; cgitb.enable()

from mercurial import demandimport

demandimport.enable()
from mercurial.hgweb import hgweb, wsgicgi

application = hgweb(config)
wsgicgi.launch(application)
`

// Mercurial's own script serves pages, clones, and takes what is pushed, cold and warm, and says the same in both ways.
func TestCGIMercurial(t *testing.T) {
	t.Parallel()
	python, prepared := mercurial.prepared(t)
	answers := make(map[bool][]string)
	for _, warm := range []bool{false, true} {
		t.Run(map[bool]string{false: "cold", true: "warm"}[warm], func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "project")
			lay(t, dir, prepared)
			answers[warm] = converseByCGI(t, python, dir, warm)
		})
	}
	if !slices.Equal(answers[false], answers[true]) {
		t.Errorf("cold: %.3000q\nwarm: %.3000q", answers[false], answers[true])
	}
}

func converseByCGI(t *testing.T, python, dir string, warm bool) (answers []string) {
	scripts := filepath.Join(t.TempDir(), "cgi-bin")
	if err := os.Mkdir(scripts, 0o755); err != nil {
		t.Fatal(err)
	}
	config, err := os.ReadFile(filepath.Join(dir, "hgweb.config"))
	if err != nil {
		t.Fatal(err)
	}
	// The path in it is relative to where the script runs.
	text := strings.Replace(string(config), "tales = tales", "tales = "+filepath.Join(dir, "tales"), 1)
	if err := os.WriteFile(filepath.Join(dir, "cgi.config"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf(hgwebScript, python, filepath.Join(dir, "cgi.config"))
	if err := os.WriteFile(filepath.Join(scripts, "hgweb.cgi"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	var lines servertest.Log
	var env []string
	for _, pair := range environment() {
		if strings.HasPrefix(pair, "HG") || strings.HasPrefix(pair, "PYTHON") {
			env = append(env, pair)
		}
	}
	cgi, err := gateway.NewCGI(gateway.CGIConfig{
		Dir: scripts, Warm: warm, Env: env, Environ: os.Environ(), Logger: slog.New(slog.NewTextHandler(&lines, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := cgi.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if t.Failed() {
			t.Logf("the scripts said:\n%s", lines.String())
		}
	})
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: cgi.Handler("/cgi-bin")})
	url := "http://" + s.Addr.String() + "/cgi-bin/hgweb.cgi"
	for _, target := range []string{"", "/tales", "/tales/file/tip/tale.txt", "/tales/diff/1/tale.txt", "/tales/raw-file/0/noise.bin", "/tales/rev/nowhere", "/tales?cmd=capabilities"} {
		r := s.Dial(t).Get("/cgi-bin/hgweb.cgi" + target)
		answers = append(answers, fmt.Sprint(r.Status, " ", r.Value("Content-Type"), " ", r.Body))
	}
	tales := filepath.Join(dir, "tales")
	log := func(dir string) string { return hg(t, python, dir, "log", "--template", "{node} {desc}\n") }
	mine := filepath.Join(t.TempDir(), "mine")
	hg(t, python, dir, "clone", url+"/tales", mine)
	if err := os.WriteFile(filepath.Join(mine, "more.bin"), []byte(blocks(400<<10)), 0o644); err != nil {
		t.Fatal(err)
	}
	hg(t, python, mine, "commit", "--addremove", "--message", "part III", "--date", "2020-03-01 12:00 UTC")
	hg(t, python, mine, "push")
	if got, want := log(tales), log(mine); got != want || !strings.Contains(got, "part III") {
		t.Errorf("what was pushed is\n%sinstead of\n%s", got, want)
	}
	hg(t, python, tales, "verify")
	for i, want := range []string{"tales", "part II", "there was a kettle", "there was a kettle", blocks(300 << 10), "404", "unbundle"} {
		if !strings.Contains(answers[i], want) {
			t.Errorf("answer %d lacks %.100q: %.500s", i, want, answers[i])
		}
	}
	return append(answers, log(tales))
}
