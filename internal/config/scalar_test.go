package config

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// refused checks that err is an *Error without position, whose text contains part.
func refused(t *testing.T, input string, err error, part string) {
	t.Helper()
	var wrong *Error
	switch {
	case !errors.As(err, &wrong):
		t.Errorf("%q: error is %T %v, want an *Error", input, err, err)
	case wrong.Pos != Pos{} || !strings.Contains(err.Error(), part):
		t.Errorf("%q: error is %q, want one with %q", input, err, part)
	}
}

func TestParseDuration(t *testing.T) {
	good := map[string]time.Duration{
		"10s": 10 * time.Second, "500ms": 500 * time.Millisecond, "1h30m": 90 * time.Minute, "0s": 0, "0": 0, "off": Off,
	}
	for s, want := range good {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	bad := map[string]string{
		"10": `"10s" for seconds`, "": "not a duration", "ten": `such as "500ms"`, "-1s": "negative", "OFF": `or "off"`,
	}
	for s, part := range bad {
		_, err := ParseDuration(s)
		refused(t, s, err, part)
	}
}

func TestParseSize(t *testing.T) {
	good := map[string]int64{
		"0": 0, "512": 512, "512B": 512, "8KiB": 8192, "8 kib": 8192, "1KB": 1000, "10MB": 10e6, "1MiB": 1 << 20,
		"2GB": 2e9, "2GiB": 2 << 30, "off": Off, "8589934591GiB": 8589934591 << 30, "9223372036854775807": 1<<63 - 1,
	}
	for s, want := range good {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	bad := map[string]string{
		"": "not a size", "KiB": "not a size", "8K": "not a size", "1.5MiB": "not a size", "-1": "not a size", "+1": "not a size", "1_000": "not a size",
		"8589934592GiB": "too large", "9223372036854775808": "too large",
	}
	for s, part := range bad {
		_, err := ParseSize(s)
		refused(t, s, err, part)
	}
}

func TestParseMaxAge(t *testing.T) {
	good := map[string]time.Duration{"0": 0, "3600": time.Hour, "1h": time.Hour, "off": Off}
	for s, want := range good {
		if got, err := parseMaxAge(s); err != nil || got != want {
			t.Errorf("parseMaxAge(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"-1", "9223372037", "soon", "-1h"} {
		_, err := parseMaxAge(s)
		refused(t, s, err, "")
	}
}

func TestParseHost(t *testing.T) {
	good := map[string]string{
		"example.org": "example.org", "Example.ORG.": "example.org", "localhost": "localhost", "my_host": "my_host", "*.Example.org": "*.example.org",
		"192.0.2.1": "192.0.2.1", "[2001:DB8:0::1]": "[2001:db8::1]", "xn--bcher-kva.example": "xn--bcher-kva.example",
	}
	for s, want := range good {
		if got, err := parseHost(s); err != nil || got != want {
			t.Errorf("parseHost(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
	long := strings.Repeat("a", 63)
	bad := map[string]string{
		"": "empty", ".": "empty", "*": `stands for whole labels`, "*.": "whole labels", "a.*.b": "whole labels", "a:80": "without a port", "http://a": "without scheme",
		"::1": `"[::1]"`, "[::1": "without a port", "[fe80::1%eth0]": "without a port", "[127.0.0.1]": "letters", "bücher.example": "xn--",
		"a b": "letters", "a..b": "letters", "-a": "letters", "a-": "letters", long + "a.b": "letters",
		strings.Join([]string{long, long, long, long}, "."): "letters",
	}
	for s, part := range bad {
		_, err := parseHost(s)
		refused(t, s, err, part)
	}
}

func TestParseListen(t *testing.T) {
	good := map[string]Listener{
		"8000":             {Network: "tcp", Address: "127.0.0.1:8000"},
		":8000":            {Network: "tcp", Address: ":8000"},
		"127.0.0.1:08000":  {Network: "tcp", Address: "127.0.0.1:8000"},
		"[::]:8000":        {Network: "tcp", Address: "[::]:8000"},
		"[fe80::1%lo]:80":  {Network: "tcp", Address: "[fe80::1%lo]:80"},
		"localhost:0":      {Network: "tcp", Address: "localhost:0"},
		"unix:/run/x.sock": {Network: "unix", Address: "/run/x.sock"},
		"unix:x":           {Network: "unix", Address: "x"},
	}
	for s, want := range good {
		if got, err := ParseListen(s); err != nil || got != want {
			t.Errorf("ParseListen(%q) = %v, %v, want %v", s, got, err, want)
		}
	}
	bad := map[string]string{
		"": "write host:port", "localhost": `add a port: "localhost:8000"`, "127.0.0.1": `"127.0.0.1:8000"`, "::1": `"[::1]:8000"`, "[::1]": `"[::1]:8000"`,
		"::1:80": `write the address in brackets: "[::1]:80"`, "fe80::1:zz": "write host:port", "a:b:c": "write host:port",
		"http://a:80": "without a scheme", "/run/x.sock": `"unix:"`, "a:65536": "not a port", "a:": "not a port", "a:-1": "not a port", "a:http": "not a port",
		"*:80": "every interface", "[localhost]:80": "brackets are for IPv6", "[127.0.0.1]:80": "brackets are for IPv6", "a b:80": "IP address or a host name", "70000": "not a port",
		"unix:": "names no socket", "unix:a\x00b": "names no socket", "unix:" + strings.Repeat("x", unixPathMax+1): "no more than 107",
	}
	for s, part := range bad {
		_, err := ParseListen(s)
		refused(t, s, err, part)
	}
}

func TestListenerString(t *testing.T) {
	for _, s := range []string{"127.0.0.1:8000", ":80", "unix:/run/x.sock"} {
		l, err := ParseListen(s)
		if err != nil || l.String() != s {
			t.Errorf("ParseListen(%q) prints %q, %v", s, l.String(), err)
		}
	}
}

func TestListenersClash(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", "[::1]:80", false},
		{"127.0.0.1:80", "[::ffff:127.0.0.1]:80", true},
		{"0.0.0.0:80", "127.0.0.1:80", true},
		{"0.0.0.0:80", "[::1]:80", false},
		{"0.0.0.0:80", "[::]:80", true},
		{":80", "[::]:80", true},
		{":80", "example.org:80", true},
		{":80", "192.0.2.1:80", true},
		{"localhost:80", "127.0.0.1:80", true},
		{"localhost:80", "[::1]:80", true},
		{"localhost:80", "192.0.2.1:80", false},
		{"localhost:80", "localhost:80", true},
		{"a.example:80", "A.example:80", true},
		{"a.example:80", "b.example:80", false},
		{"localhost:0", "localhost:0", false},
		{"unix:/a", "unix:/a", true},
		{"unix:/a", "unix:/b", false},
		{"unix:80", "127.0.0.1:80", false},
	}
	for _, test := range tests {
		a, errA := ParseListen(test.a)
		b, errB := ParseListen(test.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if a.clash(b) != test.want || b.clash(a) != test.want {
			t.Errorf("%s and %s: clash is %v and %v, want %v", a, b, a.clash(b), b.clash(a), test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"listen", "timeouts", "log", "access_file", "site"}
	tests := map[string]string{
		"listen": "listen", "lisen": "listen", "lsiten": "listen", "Listen": "listen", "time-outs": "timeouts", "access-file": "access_file",
		"sites": "site", "lg": "log", "l": "", "colour": "", "": "",
	}
	for word, want := range tests {
		if got := nearest(word, words); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "ac", 1}, {"abc", "acb", 1}, {"ca", "abc", 3}, {"kitten", "sitting", 3},
	}
	for _, test := range tests {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance of %q and %q is %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
