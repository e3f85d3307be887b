package app

import (
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"highball/internal/config"
)

const initHead = `# What Highball serves here, written by "highball init". Paths start at the folder of this file.
#
#   highball check     tells what is wrong with it
#   highball run       serves it
#   highball reload    has a running server read it again
`

const initListen = `
# Where to listen: this machine alone. "0.0.0.0:8000" and "[::]:8000" are open to the network, "unix:/run/web.sock" is a socket.
listen = ["127.0.0.1:8000"]

# One line for each request: common, combined, json or off; on the standard output unless there is a file.
#
# [log]
# access = "json"
# access_file = "access.log"
`

// initialText returns a configuration for what lies in a folder, an absolute path, and says what that is.
func initialText(dir string) (text []byte, found string, err error) {
	if old, err := os.ReadFile(filepath.Join(dir, "web.conf")); err == nil {
		text, err := config.FromWebConf("web.conf", old, dir)
		return append([]byte(initHead+"#\n# It says what web.conf said.\n\n"), text...), "what web.conf says", err
	}
	b := look(dir)
	text, err = config.Format([]byte(initHead + initListen + b.appText() + b.siteText()))
	return text, b.describe(), err
}

// describe says what was found.
func (b *belongings) describe() string {
	var parts []string
	add := func(there bool, part string) {
		if there {
			parts = append(parts, part)
		}
	}
	add(b.wsgi != "", b.what)
	add(b.static != "", "its files in "+b.static)
	add(b.root == ".", "the files in the folder")
	add(b.root != "" && b.root != ".", "the files in "+b.root)
	add(b.cgi != "", "the scripts in "+b.cgi)
	return strings.Join(parts, ", ")
}

// appName is the name of the application: that of the folder, as far as a key without quotes permits.
func (b *belongings) appName() string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return -1
	}, filepath.Base(b.dir))
	return cmp.Or(name, "app")
}

func (b *belongings) appText() string {
	if b.wsgi == "" {
		return ""
	}
	var t strings.Builder
	t.WriteString("\n# " + strings.ToUpper(b.what[:1]) + b.what[1:] + ": its workers are processes of their own.\n")
	t.WriteString("[app." + b.appName() + "]\nwsgi = " + strconv.Quote(b.wsgi) + "\n")
	if b.venv != "" {
		t.WriteString("python = " + strconv.Quote(b.venv) + "\n")
	}
	t.WriteString(`# workers = 4            # one for each processor, if not given
# threads = 1            # requests that a worker answers at a time
# env_file = "app.env"   # NAME=VALUE lines for the workers
# max_requests = 10000   # after so many a worker is replaced
`)
	return t.String()
}

func (b *belongings) siteText() string {
	var t strings.Builder
	t.WriteString("\n# What answers: without hosts, for every host.\n[[site]]\n# hosts = [\"example.org\", \"www.example.org\"]\n")
	if b.root != "" {
		t.WriteString("root = " + strconv.Quote(b.root) + "\n")
	}
	if b.root == "." {
		t.WriteString("listing = true   # of folders without an index.html\n")
	}
	if b.root == "." { // this file among it
		t.WriteString("\n# This file is nobody else's business.\n[[site.route]]\npath = \"/" + FileName + "\"\nstatus = 404\n")
	}
	if b.static != "" {
		t.WriteString("\n[[site.route]]\npath = \"/static/\"\nroot = " + strconv.Quote(b.static) + "\n# cache = \"1h\"\n")
	}
	if b.cgi != "" {
		t.WriteString("\n# Each program in it is run for each request for it.\n[[site.route]]\npath = \"/cgi-bin/\"\ncgi = " + strconv.Quote(b.cgi) + "\n")
	}
	if b.wsgi != "" {
		t.WriteString("\n[[site.route]]\npath = \"/\"\napp = " + strconv.Quote(b.appName()) + "\n")
	}
	return t.String()
}
