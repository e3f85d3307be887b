package static

import (
	"go/build"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRealFolders crawls folders that nobody has made for a test, by their listings, and compares what arrives with
// what lies on the disk.
func TestRealFolders(t *testing.T) {
	const most = 4000 // files of a folder, for the time it takes
	for _, root := range []string{filepath.Join(build.Default.GOROOT, "src", "net"), "/usr/share/doc"} {
		if _, err := os.Stat(root); err != nil {
			t.Logf("%s: %v", root, err)
			continue
		}
		c := serveConfig(t, Config{Root: root, Listing: true, Index: []string{}})
		seen := map[string]bool{}
		queue := []string{"/"}
		depth := func(path string) int { return strings.Count(path, "/") }
		for len(queue) > 0 && len(seen) < most {
			path := queue[0]
			queue = queue[1:]
			a := c.get(t, path)
			if a.status != 200 {
				t.Errorf("%s: %d", path, a.status)
				continue
			}
			for _, href := range rows(a.body) {
				target := path + strings.TrimPrefix(href, "./")
				name, err := url.PathUnescape(target)
				switch {
				case href == "../" || depth(target) > 8: // links can lead around in circles
				case err != nil:
					t.Errorf("%s: %v", target, err)
				case strings.HasSuffix(target, "/"):
					queue = append(queue, target)
				case !seen[name] && len(seen) < most:
					seen[name] = true
					want, err := os.ReadFile(filepath.Join(root, name))
					if got := c.get(t, target); err != nil || got.status != 200 || got.body != string(want) {
						t.Errorf("%s: %d, %d bytes instead of %d, %v", target, got.status, len(got.body), len(want), err)
					}
				}
			}
		}
		if len(seen) < most {
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				name := filepath.ToSlash(strings.TrimPrefix(path, root))
				if err == nil && d.Type().IsRegular() && !strings.Contains(name, "/.") && !seen[name] {
					t.Errorf("%s is in no listing", name)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		t.Logf("%s: %d files", root, len(seen))
	}
}
