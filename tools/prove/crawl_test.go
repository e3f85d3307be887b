package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// serveTruth answers as highball does, from a list of files without folders.
func serveTruth(root string, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := strings.TrimPrefix(r.URL.Path, "/")
		if name != "" {
			if !slices.Contains(names, name) {
				http.NotFound(w, r)
				return
			}
			text, _ := os.ReadFile(filepath.Join(root, name))
			_, _ = w.Write(text)
			return
		}
		var entries []map[string]string
		for _, name := range names {
			entries = append(entries, map[string]string{"name": name, "type": "file"})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(entries)
	}
}

// A crawl that finds nothing wrong with a server that lies proves nothing.
func TestCrawlTellsLies(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"a", "b", ".hidden"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("text of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	truth := serveTruth(root, "a", "b")
	tests := map[string]struct {
		serve http.HandlerFunc
		wrong int
	}{
		"the truth":          {truth, 0},
		"a file not listed":  {serveTruth(root, "a"), 1},
		"a hidden file":      {serveTruth(root, "a", "b", ".hidden"), 2}, // listed, and answered when asked for
		"a file that is not": {serveTruth(root, "a", "b", "c"), 1},
		"other bytes": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/b" {
				_, _ = w.Write([]byte("text of B"))
				return
			}
			truth(w, r)
		}, 1},
		"a status": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/b" {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			truth(w, r)
		}, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			disk, err := readTree(root)
			if err != nil {
				t.Fatal(err)
			}
			s := httptest.NewServer(test.serve)
			defer s.Close()
			transport := &http.Transport{}
			defer transport.CloseIdleConnections()
			c := &crawler{disk: disk, address: s.Listener.Addr().String(), client: transport}
			if err := c.crawl(t.Context()); err != nil {
				t.Fatal(err)
			}
			if c.found.wrong != test.wrong {
				t.Errorf("%d differences, want %d: %s", c.found.wrong, test.wrong, &c.found)
			}
		})
	}
}

func TestReadTree(t *testing.T) {
	work := t.TempDir()
	root, err := makeOddFolder(work)
	if err != nil {
		t.Fatal(err)
	}
	got, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	withheld := []string{".hidden", "link out and in", "link to absolute", "link to itself", "link to nothing", "link to outside"}
	seen := slices.DeleteFunc(slices.Clone(got.withheld), func(name string) bool { return strings.HasPrefix(filepath.Base(name), "..") })
	slices.Sort(seen)
	if diff := cmp.Diff(withheld, slices.Compact(seen)); diff != "" {
		t.Errorf("withheld (-want +got):\n%s", diff)
	}
	for _, name := range []string{"link to a file", "link to a link", "link to odd octets", "link to a folder/日本語.txt"} {
		if !got.files[name] {
			t.Errorf("%q is not to be seen", name)
		}
	}
	if !got.loops["folders/loop"] || len(got.loops) != 1 {
		t.Errorf("loops: %v", got.loops)
	}
}

func TestP99(t *testing.T) {
	took := make([]time.Duration, 1000)
	for n := range took {
		took[n] = time.Duration(1000 - n)
	}
	if got := p99(took); got != 990 {
		t.Errorf("p99 of 1 to 1000 is %d, want 990", got)
	}
	if got := p99(took[:1]); got != 1000 {
		t.Errorf("p99 of one is %d, want itself", got)
	}
}

func TestParseCPU(t *testing.T) {
	got, err := parseCPU([]byte("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 12 30 5 5 20 0 8 0 1 2 3"))
	if want := 420 * time.Millisecond; err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := parseCPU([]byte("7 (a) S 1")); err == nil {
		t.Error("a short line is taken")
	}
}

func TestComplaints(t *testing.T) {
	for line, want := range map[string]int{
		"WARNING: DATA RACE":                       1,
		"panic: runtime error: index out of range": 1,
		"fatal error: all goroutines are asleep":   1,
		"goroutine 7 [running]:":                   1,
		"level=ERROR msg=\"panic in handler\"":     1,
		"level=DEBUG msg=\"bad request\"":          0,
	} {
		s := &server{printed: filepath.Join(t.TempDir(), "output")}
		if err := os.WriteFile(s.printed, []byte("highball: serving\n"+line+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := s.complaints(); err != nil || len(got) != want {
			t.Errorf("%q: %q, %v; want %d", line, got, err, want)
		}
	}
}
