package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What people who look on are shown has no secrets, and all the rest of the text.
func TestSourceHidesSecrets(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("admin.txt", "in-a-file-0123456789")
	write("part.toml", "[app.blog]\nwsgi = \"blog:app\"\nenv = { PASSWORD = \"s3cret-a\" }\n")
	write("highball.toml", `include = ["part.toml"]
# token = "s3cret-b"
admin.token = "s3cret-c-0123456789" # stays
admin.listen = "127.0.0.1:9000"

[app.shop]
wsgi = "shop:app"
[app.shop.env]
LANG = "C.UTF-8"
API_KEY = 's3cret-d'
SECRET_KEY = """
s3cret-e
"""
FROM_FILE_TOKEN = "file:admin.txt"
FROM_VARIABLE_TOKEN = "${TOKEN}"
DEFAULT_TOKEN = "${NONE:-s3cret-f}"
DATABASE_URL = "postgres://shop:s3cret-g@db/shop"
OTHER_URL = "postgres://shop:${TOKEN}@db/shop"

[[site]]
rate = { requests = 5, per = "1s", key = "address" }
headers.set = { Authorization = "s3cret-h", X-Plain = "plain" }
headers.add = { Set-Cookie = ["s3cret-i", "s3cret-j"] }

[[site.route]]
path = "/"
app = "shop"

[[site.route]]
path = "/blog/"
app = "blog"
headers.set = { X-Api-Token = "s3cret-k" }
`)
	c, err := LoadWith([]string{"TOKEN=s3cret-l"}, filepath.Join(dir, "highball.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var all string
	for _, s := range c.Sources {
		all += "# " + filepath.Base(s.Name) + "\n" + s.Shown()
	}
	if strings.Contains(all, "s3cret") || strings.Contains(all, "in-a-file") {
		t.Errorf("there are secrets in\n%s", all)
	}
	for _, want := range []string{
		"# highball.toml\ninclude", "# part.toml\n[app.blog]", `admin.token = "***" # stays`, `API_KEY = "***"`, `LANG = "C.UTF-8"`, `"file:admin.txt"`, `FROM_VARIABLE_TOKEN = "${TOKEN}"`,
		`DEFAULT_TOKEN = "***"`, `"postgres://shop:***@db/shop"`, `"postgres://shop:${TOKEN}@db/shop"`, `key = "address"`, `X-Plain = "plain"`, `["***", "***"]`, `listen = "127.0.0.1:9000"`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
}

// Of a configuration of many sites, no more is kept than anybody would read.
func TestSourcesAreBounded(t *testing.T) {
	var c Config
	c.keep("a", make([]byte, mostSource))
	c.keep("b", make([]byte, 1))
	if len(c.Sources) != 2 || c.Sources[0].text == nil || c.Sources[1].text != nil || !strings.Contains(c.Sources[1].Shown(), "too much") {
		t.Errorf("%d sources", len(c.Sources))
	}
}
