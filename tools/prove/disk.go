package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
)

// tree is what a folder holds on the disk, seen with the eyes of a server that follows the links inside and hides names
// that begin with a dot. Names are relative to the root and separated by slashes; the root is "".
type tree struct {
	root     string
	files    map[string]bool
	folders  map[string][]string // the names of what is to be seen in each
	loops    map[string]bool     // folders that are one of their own parents again, by a link; not entered
	links    int                 // links that lead to something to be seen
	withheld []string            // what is there but must be answered by 404: hidden names, links that lead nowhere or outside
}

// fileID tells files apart whatever their names.
type fileID struct{ device, number uint64 }

// readTree walks a folder.
func readTree(root string) (*tree, error) {
	root, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, err
	}
	t := &tree{root: root, files: map[string]bool{}, folders: map[string][]string{}, loops: map[string]bool{}}
	return t, t.walk("", nil)
}

// path returns where a name lies on the disk.
func (t *tree) path(name string) string { return t.root + "/" + name }

// walk reads the folder called name; above are the folders that it was reached through.
func (t *tree) walk(name string, above []fileID) error {
	info, err := os.Stat(t.path(name))
	if err != nil {
		return err
	}
	id := identify(info)
	for _, parent := range above {
		if parent == id {
			t.loops[name] = true
			return nil
		}
	}
	above = append(above[:len(above):len(above)], id)
	entries, err := os.ReadDir(t.path(name))
	if err != nil {
		return err
	}
	t.folders[name] = []string{}
	for _, entry := range entries {
		child := path.Join(name, entry.Name())
		if strings.HasPrefix(entry.Name(), ".") {
			t.withheld = append(t.withheld, child)
			continue
		}
		link := entry.Type()&fs.ModeSymlink != 0
		if link && !t.staysInside(child, 0) {
			t.withheld = append(t.withheld, child)
			continue
		}
		info, err := os.Stat(t.path(child))
		if err != nil {
			return err
		}
		if !info.IsDir() && !info.Mode().IsRegular() {
			t.withheld = append(t.withheld, child)
			continue
		}
		if link {
			t.links++
		}
		t.folders[name] = append(t.folders[name], entry.Name())
		if !info.IsDir() {
			t.files[child] = true
		} else if err := t.walk(child, above); err != nil {
			return err
		}
	}
	return nil
}

// maxLinks is how many links may follow each other, as in the kernel.
const maxLinks = 40

// staysInside reports whether a name leads to something by relative links none of which climbs out of the root on its way.
func (t *tree) staysInside(name string, followed int) bool {
	walked := ""
	components := strings.Split(name, "/")
	for i, component := range components {
		if component == ".." {
			if walked == "" {
				return false
			}
			walked = strings.TrimPrefix(path.Dir("/"+walked), "/")
			continue
		}
		next := path.Join(walked, component)
		info, err := os.Lstat(t.path(next))
		if err != nil {
			return false
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(t.path(next))
			if err != nil || path.IsAbs(target) || followed == maxLinks {
				return false
			}
			rest := append(strings.Split(walked, "/"), strings.Split(target, "/")...)
			rest = append(rest, components[i+1:]...)
			return t.staysInside(joinComponents(rest), followed+1)
		}
		walked = next
	}
	return true
}

// joinComponents joins components of a path without making sense of "..", which counts only where the walk has come to.
func joinComponents(components []string) string {
	kept := components[:0]
	for _, c := range components {
		if c != "" && c != "." {
			kept = append(kept, c)
		}
	}
	return strings.Join(kept, "/")
}

func identify(info fs.FileInfo) fileID {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		panic(fmt.Sprintf("no stat of %s", info.Name()))
	}
	return fileID{stat.Dev, stat.Ino}
}
