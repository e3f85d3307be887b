//go:build linux

package gateway_test

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// hg runs Mercurial in a folder.
func hg(t *testing.T, python, dir string, arguments ...string) string {
	t.Helper()
	return run(t, dir, filepath.Join(filepath.Dir(python), "hg"), arguments...)
}

const tale = "Once upon a time\n"

// writeTales makes a repository with some history.
func writeTales(t *testing.T, python, dir string) {
	hg(t, python, dir, "init", "tales")
	tales := filepath.Join(dir, "tales")
	for i, text := range []string{tale, tale + "there was a kettle.\n"} {
		for name, content := range map[string]string{"tale.txt": text, "noise.bin": blocks(300<<10 + i)} {
			if err := os.WriteFile(filepath.Join(tales, name), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		hg(t, python, tales, "commit", "--addremove", "--message", "part "+strings.Repeat("I", i+1), "--date", "2020-02-29 12:00 UTC")
	}
}

var mercurial = project{folder: "hgweb", target: "publish.py", reference: "publish:application", workers: 2, prepare: writeTales}

func TestMercurialPages(t *testing.T) {
	t.Parallel()
	mercurial.converse(t, func(t *testing.T, b *browser) {
		b.get(t, "/").want(t, 200, "/tales/")
		b.get(t, "/tales").want(t, 200, "part II", "Ada")
		b.get(t, "/tales/file/tip/tale.txt").want(t, 200, "there was a kettle.")
		b.get(t, "/tales/diff/1/tale.txt").want(t, 200, "there was a kettle.")
		b.get(t, "/tales/static/style-paper.css").want(t, 200, "body")
		if got := b.get(t, "/tales/raw-file/0/tale.txt").want(t, 200).body; got != tale {
			t.Errorf("%q", got)
		}
		if got := b.get(t, "/tales/raw-file/0/noise.bin").want(t, 200).body; got != blocks(300<<10) {
			t.Errorf("%d bytes differ from what was committed", len(got))
		}
		b.get(t, "/tales/rev/nowhere").want(t, 404)
		b.get(t, "/tales?cmd=capabilities").want(t, 200, "unbundle")
		body := b.get(t, "/tales/archive/tip.zip").want(t, 200).body
		archive, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range archive.File {
			if !strings.HasSuffix(f.Name, "/tale.txt") {
				continue
			}
			found = true
			r, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !strings.Contains(string(got), "kettle") {
				t.Errorf("%q, %v", got, err)
			}
		}
		if !found {
			t.Error("the archive lacks tale.txt")
		}
	})
}

func TestMercurialClonePushPull(t *testing.T) {
	t.Parallel()
	b := mercurial.browse(t)
	tales := filepath.Join(b.dir, "tales")
	log := func(dir string) string {
		return hg(t, b.python, dir, "log", "--template", "{node} {author} {desc}\n")
	}
	dir := t.TempDir()
	hg(t, b.python, dir, "clone", b.base+"/tales", "mine")
	hg(t, b.python, dir, "clone", "--rev", "0", b.base+"/tales", "old")
	mine, old := filepath.Join(dir, "mine"), filepath.Join(dir, "old")
	if got, want := log(mine), log(tales); got != want {
		t.Errorf("the clone has\n%sinstead of\n%s", got, want)
	}
	end := tale + "The end.\n"
	if err := os.WriteFile(filepath.Join(mine, "tale.txt"), []byte(end), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, "more.bin"), []byte(blocks(400<<10)), 0o644); err != nil {
		t.Fatal(err)
	}
	hg(t, b.python, mine, "commit", "--addremove", "--message", "part III")
	hg(t, b.python, mine, "push")
	hg(t, b.python, old, "pull", "--update")
	for _, repository := range []string{tales, old} {
		if got, want := log(repository), log(mine); got != want {
			t.Errorf("%s has\n%sinstead of\n%s", repository, got, want)
		}
	}
	hg(t, b.python, tales, "verify")
	if got, err := os.ReadFile(filepath.Join(old, "tale.txt")); err != nil || string(got) != end {
		t.Errorf("%q, %v", got, err)
	}
}
