package highball_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"highball/internal/config"
)

// What the documents tell people to write is tried out here.

// block is a fenced block of a document.
type block struct {
	file, language, text string
	line                 int
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// documents returns the fenced blocks in a language of all documents.
func documents(t *testing.T, language string) (blocks []block) {
	t.Helper()
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "README.md", "ARCHITECTURE.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, fenced(file, string(text), language)...)
	}
	if len(blocks) == 0 {
		t.Fatalf("no document has a block of %s", language)
	}
	return blocks
}

func fenced(file, text, language string) (blocks []block) {
	inside := false
	var b block
	number := 0
	for line := range strings.Lines(text) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && !inside:
			inside, b = true, block{file: file, language: fence, line: number + 1}
		case isFence:
			if inside = false; b.language == language {
				blocks = append(blocks, b)
			}
		case inside:
			b.text += line
		}
	}
	return blocks
}

func TestFenced(t *testing.T) {
	got := fenced("a.md", "text\n```sh\nhighball\n```\nmore\n```toml\n[log]\n\nx\n```\n```sh\n```\n", "toml")
	want := block{"a.md", "toml", "[log]\n\nx\n", 7}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Every configuration in the documents is one that the server takes. Its folders and files are made for it, and one that shows
// no site is given one.
func TestDocumentedConfigurations(t *testing.T) {
	folders := regexp.MustCompile(`(?m)^\s*(?:root|dir|python|cgi|classes) = "([^"]*)"`)
	files := regexp.MustCompile(`"([^"]*\.(?:html|env|py|htpasswd))(?::\w+)?"`)
	for _, b := range documents(t, "toml") {
		dir := t.TempDir()
		make := func(path, text string) {
			path = filepath.Join(dir, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		text := b.text
		if !strings.Contains(text, "[[site]]") {
			text += "\n[[site]]\nroot = \"public\"\n"
		}
		for _, m := range folders.FindAllStringSubmatch(text, -1) {
			make(m[1]+"/index.html", "")
		}
		for _, m := range files.FindAllStringSubmatch(text, -1) {
			make(m[1], "")
		}
		if _, err := config.ParseTOML(b.String(), []byte(text), dir); err != nil {
			t.Errorf("%s is not a configuration:\n%v", b, err)
		}
	}
}

// The reference names every key there is, and no other.
func TestDocumentedKeys(t *testing.T) {
	sources, err := filepath.Glob("internal/config/toml*.go")
	if err != nil {
		t.Fatal(err)
	}
	var source []byte
	for _, file := range sources {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source = append(source, text...)
	}
	text, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]bool)
	for _, m := range regexp.MustCompile(`field\{"(\w+)", (\w+)`).FindAllStringSubmatch(string(source), -1) {
		if m[2] != "nil" {
			known[m[1]] = true
		}
	}
	if len(known) < 50 {
		t.Fatalf("found the keys %v only", known)
	}
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^(?:\\| |## )`\\[*(?:site\\.)?(\\w+)(?:\\.NAME)?\\]*`").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
		if !known[m[1]] {
			t.Errorf("docs/configuration.md explains %s, which is no key", m[1])
		}
	}
	for key := range known {
		if !documented[key] {
			t.Errorf("docs/configuration.md does not explain %s", key)
		}
	}
}

// Every Go block of the documents stands in the examples, which are compiled and run.
func TestDocumentedCode(t *testing.T) {
	files, err := filepath.Glob("example*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var examples string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		examples += flattened(string(text))
	}
	for _, b := range documents(t, "go") {
		if !strings.Contains(examples, flattened(b.text)) {
			t.Errorf("%s: this code is in none of %v:\n%s", b, files, b.text)
		}
	}
}

// flattened returns code without indentation and empty lines.
func flattened(code string) string {
	var b strings.Builder
	for line := range strings.Lines(code) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// Every command line of the documents is one that the binary understands: with --help behind it, it reads its flags,
// and says what they mean instead of serving.
func TestDocumentedCommands(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "highball")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/highball")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	try := func(args []string) ([]byte, error) {
		return exec.CommandContext(context.WithoutCancel(t.Context()), binary, append(args, "--help")...).CombinedOutput()
	}
	for _, args := range [][]string{{"--no-such-flag"}, {"run", "--no-such-flag"}} {
		if _, err := try(args); err == nil {
			t.Fatalf("highball %q is taken for good", args)
		}
	}
	for _, b := range documents(t, "sh") {
		for line := range strings.Lines(b.text) {
			args, ok := commandLine(line)
			if !ok {
				continue
			}
			if out, err := try(args); err != nil {
				t.Errorf("%s: highball %s: %v\n%s", b, strings.Join(args, " "), err, out)
			}
		}
	}
}

// commandLine returns the arguments of a shell line that runs highball.
func commandLine(line string) (args []string, ok bool) {
	words := strings.Fields(line)
	for len(words) > 0 && strings.Contains(words[0], "=") { // settings of the environment
		words = words[1:]
	}
	switch {
	case len(words) > 0 && (words[0] == "highball" || words[0] == "bin/highball"):
		words = words[1:]
	case len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == "./cmd/highball":
		words = words[3:]
	default:
		return nil, false
	}
	for i, word := range words {
		if strings.ContainsAny(word[:1], "#|>&;") {
			words = words[:i]
			break
		}
	}
	return words, true
}

func TestCommandLine(t *testing.T) {
	tests := map[string]string{
		"highball":                             "",
		"highball public -p 9000   # a port":   "public -p 9000",
		"PORT=80 highball . > access.log":      ".",
		"go run ./cmd/highball run examples/t": "run examples/t",
		"make build":                           "none",
		"":                                     "none",
	}
	for line, want := range tests {
		args, ok := commandLine(line)
		got := strings.Join(args, " ")
		if !ok {
			got = "none"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// No document points at a file that is not there.
func TestDocumentedLinks(t *testing.T) {
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	for _, file := range append(files, "README.md", "ARCHITECTURE.md", "CHANGELOG.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s points at %s, which is not there", file, m[1])
			}
		}
	}
}
