package forward

import (
	"regexp"
	"strings"
	"testing"
)

func TestForwarded(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "2001:db8:ffff::/48")
	tests := []struct {
		name   string
		fields []string
		client string // "" for the peer
		scheme string
		host   string
	}{
		// RFC 7239, section 4.
		{name: "quoted and hidden", fields: []string{`Forwarded: for="_gazonk"`}},
		{name: "IPv6 with a port", fields: []string{`Forwarded: For="[2001:db8:cafe::17]:4711"`}, client: "[2001:db8:cafe::17]:4711"},
		{name: "several parameters", fields: []string{`Forwarded: for=192.0.2.60;proto=http;by=203.0.113.43`}, client: "192.0.2.60:0", scheme: "http"},
		{name: "two elements", fields: []string{`Forwarded: for=192.0.2.43, for=198.51.100.17`}, client: "198.51.100.17:0"},
		{name: "two lines", fields: []string{`Forwarded: for=192.0.2.43`, `Forwarded: for=198.51.100.17`}, client: "198.51.100.17:0"},
		// Section 7.4.
		{name: "of which one is a proxy's", fields: []string{`Forwarded: for=192.0.2.43, for="[2001:db8:ffff::17]"`}, client: "192.0.2.43:0"},
		// Section 7.1.
		{name: "unknown", fields: []string{`Forwarded: for=192.0.2.43, for=unknown, for=10.0.0.1`}, client: "10.0.0.1:0"},
		// Section 6.
		{name: "a hidden port", fields: []string{`Forwarded: for="192.0.2.43:_p-1.x"`}, client: "192.0.2.43:0"},
		{name: "an empty hidden port", fields: []string{`Forwarded: for="192.0.2.43:_"`}},
		{name: "IPv6 without brackets", fields: []string{`Forwarded: for="2001:db8:cafe::17"`}},
		{name: "IPv4 written as IPv6", fields: []string{`Forwarded: for="[::ffff:192.0.2.43]"`}, client: "192.0.2.43:0"},

		{name: "the host", fields: []string{`Forwarded: host="example.org:8443";for=192.0.2.1;proto=https`}, client: "192.0.2.1:0", scheme: "https", host: "example.org:8443"},
		{name: "scheme and host as the proxy next to the client says", fields: []string{
			`Forwarded: for=192.0.2.9;proto=http;host=x, for=192.0.2.1;proto=https;host=a, for=10.0.0.1;proto=http;host=b`},
			client: "192.0.2.1:0", scheme: "https", host: "a"},
		{name: "a hidden client's scheme", fields: []string{`Forwarded: for=192.0.2.9;proto=http, for=_x;proto=https, for=10.0.0.1`},
			client: "10.0.0.1:0", scheme: "https"},
		{name: "no client", fields: []string{`Forwarded: proto=https`}, scheme: "https"},
		{name: "another scheme", fields: []string{`Forwarded: for=192.0.2.1;proto=ftp`}, client: "192.0.2.1:0"},
		{name: "an extension", fields: []string{`Forwarded: for=192.0.2.1;secret="a, for=127.0.0.1"`}, client: "192.0.2.1:0"},
		{name: "escapes", fields: []string{`Forwarded: for="192\.0.2\.1";host="\e\x\."`}, client: "192.0.2.1:0", host: "ex."},
		{name: "empty pairs", fields: []string{`Forwarded: ;;for=192.0.2.1;`}, client: "192.0.2.1:0"},
		{name: "an empty element", fields: []string{`Forwarded: for=192.0.2.1, `}},
		{name: "proxies alone", fields: []string{`Forwarded: for=10.0.0.3, for=10.0.0.2`}, client: "10.0.0.3:0"},
		{name: "more proxies than there are", fields: []string{"Forwarded: for=192.0.2.1" + strings.Repeat(", for=10.0.0.7", maxElements)}, client: "10.0.0.7:0"},
		{name: "as many as there can be", fields: []string{"Forwarded: for=192.0.2.1" + strings.Repeat(", for=10.0.0.7", maxElements-1)}, client: "192.0.2.1:0"},

		// What is malformed anywhere counts for nothing anywhere.
		{name: "a quote left open", fields: []string{`Forwarded: for="x, for=192.0.2.1`}},
		{name: "a quote left open on another line", fields: []string{`Forwarded: for="`, `Forwarded: for=192.0.2.1`}},
		{name: "a pair twice", fields: []string{`Forwarded: for=192.0.2.1;FOR=127.0.0.1`}},
		{name: "no token", fields: []string{`Forwarded: for=192.0.2.1:80`}},
		{name: "a space before the equals sign", fields: []string{`Forwarded: for =192.0.2.1`}},
		{name: "a space behind a semicolon", fields: []string{`Forwarded: for=192.0.2.1; proto=https`}},
		{name: "no value", fields: []string{`Forwarded: proto;for=192.0.2.1`}},
		{name: "an empty value", fields: []string{`Forwarded: proto=;for=192.0.2.1`}},
		{name: "no name", fields: []string{`Forwarded: =x;for=192.0.2.1`}},
		{name: "text behind a quoted string", fields: []string{`Forwarded: for="192.0.2.1"x`}},
		{name: "a dangling escape", fields: []string{`Forwarded: for="192.0.2.1\`}},
		{name: "an addressless list", fields: []string{`Forwarded: 192.0.2.1`}},
	}
	for _, test := range tests {
		check(t, test.name, fromStandard(trusted, fields(test.fields...)), test.client, test.scheme, test.host)
	}
}

func TestMalformedIsRemoved(t *testing.T) {
	h := fields(`Forwarded: for=127.0.0.1`, `Host: x`, `Forwarded: for="`)
	fromStandard(nil, h)
	if h.Has("Forwarded") || h.Len() != 1 {
		t.Error("a malformed field was left to others")
	}
}

// grammar is RFC 7239, section 4, as a regular expression, but for parameters that stand twice or in great number.
var grammar = func() *regexp.Regexp {
	token := "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
	quoted := `"(?:[\t !\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"`
	pair := token + "=(?:" + token + "|" + quoted + ")"
	element := "(?:" + pair + ")?(?:;(?:" + pair + ")?)*"
	return regexp.MustCompile(`^[ \t]*` + element + `(?:[ \t]*,[ \t]*` + element + `)*[ \t]*$`)
}()

// latin1 makes a string that a regular expression sees as its bytes.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func FuzzForwarded(f *testing.F) {
	for _, s := range []string{
		`for="_gazonk"`, `For="[2001:db8:cafe::17]:4711"`, `for=192.0.2.60;proto=http;by=203.0.113.43`, `for=a, for=b`, `for="\"";;,`, `a="`, `=`, "\xff",
		`a=1;b=2;c=3;d=4;e=5;f=6;g=7;h=8;i=9`,
	} {
		f.Add(s)
	}
	trusted := prefixes("10.0.0.0/8")
	f.Fuzz(func(t *testing.T, s string) {
		var list elements
		ok := list.parse(s)
		if ok && !grammar.MatchString(latin1(s)) {
			t.Fatalf("%q is malformed, and read as %+v", s, list.ring[:min(list.count, maxElements)])
		}
		if !ok && grammar.MatchString(latin1(s)) && !repeats(s) {
			t.Fatalf("%q is well-formed, and refused", s)
		}
		o := fromStandard(trusted, fields("Forwarded: "+s))
		if !ok && o != (origin{}) {
			t.Fatalf("%q is malformed, and tells of %+v", s, o)
		}
		if o.client.IsValid() && (o.client.Addr().Is4In6() || o.client.Addr().Zone() != "") {
			t.Fatalf("%q tells of %s", s, o.client)
		}
	})
}

// repeats reports whether a well-formed field has an element with a parameter twice, or with many.
func repeats(s string) bool {
	outside := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`).ReplaceAllString(latin1(s), "")
	for element := range strings.SplitSeq(outside, ",") {
		seen := make(map[string]bool)
		for pair := range strings.SplitSeq(element, ";") {
			name, _, ok := strings.Cut(strings.ToLower(strings.Trim(pair, " \t")), "=")
			if ok && seen[name] {
				return true
			}
			seen[name] = true
		}
		if len(seen) > 8 {
			return true
		}
	}
	return false
}
