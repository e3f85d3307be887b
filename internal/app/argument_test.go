package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder makes a folder with the given files (and folders, whose names end in a slash) the current one, and
// returns its path.
func folder(t *testing.T, names ...string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else {
			err = os.WriteFile(path, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func TestArgument(t *testing.T) {
	dir := folder(t, "public/", "site/", "site/highball.toml", "x.toml", "web.conf", "WEB.CONF", "notes.txt", "8080/", "a:b", "two words/", "two words/f", "9/", "9/f", "django/", "django/manage.py", "package/", "package/__init__.py")
	for _, test := range []struct {
		arg    string
		path   string // relative to dir
		file   string
		port   int    // -1 is none
		unused string // with commas between
		err    string
	}{
		{arg: "", path: ".", port: -1},
		{arg: ".", path: ".", port: -1},
		{arg: "public", path: "public", port: -1},
		{arg: "public/", path: "public", port: -1},
		{arg: "site", path: "site", port: -1, unused: "site/highball.toml"},
		{arg: "django", path: "django", port: -1, unused: "django/manage.py"},
		{arg: "package", path: "package", port: -1, unused: "package/__init__.py"},
		{arg: "./8080", path: "8080", port: -1},
		{arg: "./a:b", err: `./a:b is a file, neither a folder nor a configuration (FILE.toml, FILE.conf) nor an application (FILE.py); to serve the folder that it lies in, write "highball ."`},
		{arg: "x.toml", path: "x.toml", file: "x.toml", port: -1},
		{arg: "web.conf", path: "web.conf", file: "web.conf", port: -1},
		{arg: "WEB.CONF", path: "WEB.CONF", file: "WEB.CONF", port: -1},
		{arg: "9090", path: ".", port: 9090},
		{arg: "0", path: ".", port: 0},
		{arg: "70000", err: "70000 is not a port; write a number from 0 (any free port) to 65535"},
		{arg: "8080", err: `"8080" can be read as a port and as the folder of that name; write "./8080" for the folder or "-p 8080" for the other`},
		{arg: "a:b", err: `"a:b" can be read as a Python application and as the file of that name; write "./a:b" for the file`},
		{arg: "notes.txt", err: `notes.txt is a file, neither a folder nor a configuration (FILE.toml, FILE.conf) nor an application (FILE.py); to serve the folder that it lies in, write "highball ."`},
		{arg: "two words/f", err: `"two words/f" is a file, neither a folder nor a configuration (FILE.toml, FILE.conf) nor an application (FILE.py); to serve the folder that it lies in, write "highball 'two words'"`},
		{arg: "9/f", err: `9/f is a file, neither a folder nor a configuration (FILE.toml, FILE.conf) nor an application (FILE.py); to serve the folder that it lies in, write "highball ./9"`},
		{arg: "none", err: "there is no file or folder none, and no Python module (none.py or none/__init__.py)"},
		{arg: ":8080", err: "there is no file or folder :8080; an address is written as -p 8080"},
		{arg: "[::1]:80", err: "there is no file or folder [::1]:80; an address is written as -b ::1 -p 80"},
		{arg: "notes.txt/x", err: "notes.txt/x cannot be used: not a directory"},
		{arg: "aa0dbf73-1b-12", err: "there is no file or folder aa0dbf73-1b-12; the request of that ID is shown by highball recent --show aa0dbf73-1b-12"},
		{arg: "\x1b[31m", err: `there is no file or folder "\x1b[31m"`},
	} {
		t.Run(test.arg, func(t *testing.T) {
			got, err := argument(test.arg, "")
			if err != nil || test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v\nwant  %s", err, test.err)
				}
				return
			}
			port := -1
			if got.port != nil {
				port = *got.port
			}
			unused := strings.Join(got.unused, ",")
			if got.path != filepath.Join(dir, test.path) || got.file != test.file || port != test.port || unused != test.unused || got.app != nil {
				t.Errorf("path %q, file %q, port %d, unused %q", got.path, got.file, port, unused)
			}
		})
	}
}
