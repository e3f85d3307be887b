package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A byte order mark before the text means nothing, moves no position, and is not kept.
func TestByteOrderMark(t *testing.T) {
	const mark = "\uFEFF"
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(mark+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("part.toml", "[[site]]\nhosts = [\"example.org\"]\nroot = \".\"\n")
	c, err := Load(write("highball.toml", "include = [\"part.toml\"]\nlisten = [\":8000\"]\n"))
	if err != nil || len(c.Sites) != 1 {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, s := range c.Sources {
		if text := s.Shown(); text == "" || text[0] != 'i' && text[0] != '[' {
			t.Errorf("%s is shown as %q", s.Name, text)
		}
	}
	var faults Errors
	if _, err := Load(write("bad.toml", "lisen = [\":8000\"]\n")); !errors.As(err, &faults) || faults[0].Pos.Line != 1 || faults[0].Pos.Column != 1 {
		t.Errorf("a fault: %v", err)
	}
	if _, err := Load(write("web.conf", "host default .\n")); err != nil {
		t.Errorf("web.conf: %v", err)
	}
	if formed, err := Format([]byte(mark + "a  = 1\n")); err != nil || string(formed) != "a = 1\n" {
		t.Errorf("formed: %q, %v", formed, err)
	}
}
