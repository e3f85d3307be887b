package static

import (
	"strings"
	"testing"
)

func TestLookups(t *testing.T) {
	root := folderWith(t, map[string]string{"a.txt": "one", "large.bin": strings.Repeat("x", maxCached+1)})
	now := newClock()
	s := newSite(t, Config{Root: root, Now: now.time})
	ask := func(path string) {
		found := s.lookup(path)
		defer found.close()
		s.remember(path, &found, s.cfg.Now())
	}
	for _, step := range []struct {
		path string
		want Lookups
	}{
		{"/a.txt", Lookups{Absent: 1}},
		{"/missing.txt", Lookups{Absent: 1}},
		{"/a.txt", Lookups{Absent: 1, Stale: 1}},
		{"/large.bin", Lookups{Absent: 1, Stale: 1, Large: 1}},
		{"/large.bin", Lookups{Absent: 1, Stale: 1, Large: 2}},
	} {
		ask(step.path)
		if got := s.Lookups(); got != step.want {
			t.Errorf("after %s there are %+v, want %+v", step.path, got, step.want)
		}
	}
}
