package config

import (
	"strings"
	"testing"
)

// The interface for control is for this machine alone, and not to be found by guessing.
func TestAdmin(t *testing.T) {
	const site = "\n[[site]]\n[[site.route]]\npath = \"/\"\nrespond = \"x\"\n"
	for text, want := range map[string]string{
		`listen = "127.0.0.1:9000"`:             "",
		`listen = "127.1.2.3:0"`:                "",
		`listen = "[::1]:9000"`:                 "",
		`listen = "localhost:9000"`:             "",
		`listen = "9000"`:                       "",
		`listen = ":9000"`:                      "others than this machine could reach",
		`listen = "0.0.0.0:9000"`:               "others than this machine could reach",
		`listen = "[::]:9000"`:                  "others than this machine could reach",
		`listen = "192.0.2.1:9000"`:             "others than this machine could reach",
		`listen = "example.org:9000"`:           "others than this machine could reach",
		`listen = "localhost.example.org:9000"`: "others than this machine could reach",
		`listen = "unix:run/x.sock"`:            "is no TCP address",
		`listen = "http://localhost:9000/"`:     "is not an address to listen at",
		`listen = "127.0.0.1:8000"`:             "the sites are at 127.0.0.1:8000",
		`listen = "localhost:8000"`:             "the sites are at 127.0.0.1:8000",
		`listen = ["127.0.0.1:9000"]`:           "listen is an array",
		`token = "file:fixture/token.txt"`:      "",
		`token = "0123456789abcdef"`:            "",
		`token = "0123456789abcde"`:             "the token has 15 characters",
		`token = ""`:                            "the token has 0 characters",
		`token = "0123456789abcdef 0123456789"`: "the token has characters other than",
		`token = "file:fixture/none.txt"`:       "none.txt",
		`token = 1234567890123456`:              "token is 1234567890123456",
	} {
		c, err := ParseTOML("x.toml", []byte("[admin]\n"+text+site), "testdata")
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want == "" && c.Admin == (Admin{}):
			t.Errorf("%s is not kept", text)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "x.toml:2:")):
			t.Errorf("%s: error %v, want %q", text, err, want)
		case err != nil && strings.Contains(text, "token") && strings.Contains(err.Error(), "0123456789abcde"):
			t.Errorf("%s: the error shows the secret: %v", text, err)
		}
	}
}
