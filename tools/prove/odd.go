package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// oddNames returns names that a file may have and that somebody on the way might mistake for something else: a separator,
// an escape, a query, markup, an option, a shell's word, text in an encoding of its own.
func oddNames() []string {
	return []string{
		"a space", " leading and trailing ", "per%cent", "%41", "%2e%2e", "%2F", "%00", "number#sign", "question?mark",
		"a?b=c&d#e", "semi;colon", "col:on", "http:x", "pl+us", "amp&ersand", "eq=ual", "at@sign", "comma,", "star*",
		`double"quote`, "single'quote", "back`tick", `back\slash`, `..\up`, "<img src=x onerror=alert(1)>", "&lt;", "$(id)",
		"{brace}", "[bracket]", "pipe|", "caret^", "~tilde", "-rf", "--help", "a..b", "trailing.", "trailing...", "*",
		"new\nline", "carriage\rreturn", "tab\tulator", "escape\x1b[31m", "delete\x7f", "one\x01",
		"Ünïcødé", "\u00e9 composed", "e\u0301 decomposed", "日本語.txt", "🚄", "\u202eright to left", "nonbreaking\u00a0space",
		"\ufeffmark", "\ufffdreplacement", "invalid \xff\xfe", "latin \xe9", "overlong \xc0\xaf", "half \xe6\x97", "\x80",
		"CON", "nul.txt", "web.conf", "highball.toml", "page.html.gz", "data.br", "UPPER.TXT", "upper.txt",
		strings.Repeat("n", 255), strings.Repeat("%", 255), strings.Repeat("é", 127) + "x", strings.Repeat("\xff", 255),
	}
}

// makeOddFolder makes a folder with such names, both of files and of folders, and links of all kinds; it lies beside
// something that must not be reached. It returns its path.
func makeOddFolder(work string) (string, error) {
	root := filepath.Join(work, "odd")
	all := []error{
		os.MkdirAll(filepath.Join(root, "folders"), 0o755),
		os.WriteFile(filepath.Join(work, "secret"), []byte("out of reach\n"), 0o644),
		os.WriteFile(filepath.Join(root, ".hidden"), []byte("hidden\n"), 0o644),
		os.WriteFile(filepath.Join(root, "empty"), nil, 0o644),
		os.Mkdir(filepath.Join(root, "empty folder"), 0o755),
	}
	for _, name := range oddNames() {
		folder := filepath.Join(root, "folders", name)
		all = append(all,
			os.WriteFile(filepath.Join(root, name), []byte("file "+name), 0o644),
			os.Mkdir(folder, 0o755),
			os.WriteFile(filepath.Join(folder, name), []byte("inner "+name), 0o644),
		)
	}
	for name, target := range map[string]string{
		"link to a file":     "a space",
		"link to a link":     "link to a file",
		"link to a folder":   "folders/日本語.txt",
		"link to odd octets": "latin \xe9",
		"link to absolute":   filepath.Join(root, "a space"),
		"link to outside":    "../secret",
		"link out and in":    "../odd/a space",
		"link to nothing":    "nothing",
		"link to itself":     "link to itself",
		"folders/loop":       "..",
	} {
		all = append(all, os.Symlink(target, filepath.Join(root, name)))
	}
	return root, errors.Join(all...)
}
