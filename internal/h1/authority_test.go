package h1

import (
	"net/netip"
	"strings"
	"testing"
)

func TestCanonicalHost(t *testing.T) {
	const refused = "!"
	for _, c := range []struct{ authority, want string }{
		{"example.com", "example.com"},
		{"Example.COM:8080", "example.com"},
		{"example.com.", "example.com"},
		{"example.com.:80", "example.com"},
		{"example.com:", "example.com"},
		{"example.com:65535", "example.com"},
		{"example.com:65536", refused},
		{"example.com:99999999999999999999", refused},
		{"example.com:8o", refused},
		{"example.com:80:80", refused},
		{"", refused},
		{":80", refused},
		{".", refused},
		{"..", refused},
		{".a", refused},
		{"a..b", refused},
		{"a..", refused},
		{"-a", refused},
		{"a-", "a-"},
		{"a_b.c", "a_b.c"},
		{"a,b", "a,b"},
		{"a b", refused},
		{"a/b", refused},
		{"a@b", refused},
		{"a\x00", refused},
		{"caf\xc3\xa9", refused},
		{"%41b", "%41b"},
		{"a%4", refused},
		{"a%zz", refused},
		{"127.0.0.1", "127.0.0.1"},
		{"127.0.0.1.:80", "127.0.0.1"},
		{"127.1", refused},
		{"1", refused},
		{"1.2.3.4.5", refused},
		{"256.0.0.1", refused},
		{"a.1", refused},
		{"1.a", "1.a"},
		{"1.2.3.4a", "1.2.3.4a"},
		{"0.0.0.0=5000", "0.0.0.0=5000"},
		{"[::1]", "[::1]"},
		{"[::A]:80", "[::a]"},
		{"[::1]x", refused},
		{"[::1", refused},
		{"[]", refused},
		{"[v1.a]", refused},
		{"[fe80::1%25eth0]", refused},
	} {
		got, ok := CanonicalHost(c.authority)
		if !ok {
			got = refused
		}
		if got != c.want {
			t.Errorf("CanonicalHost(%q) = %q, want %q", c.authority, got, c.want)
		}
		if valid := validAuthority(c.authority); valid != ok {
			t.Errorf("validAuthority(%q) = %t", c.authority, valid)
		}
	}
}

// The standard library is the reference for addresses; it knows zones besides, which a URI must not have here.
func checkAddress(t *testing.T, s string) {
	t.Helper()
	address, err := netip.ParseAddr(s)
	want := err == nil && address.Zone() == ""
	if got := validIPv6(s); got != (want && strings.Contains(s, ":")) {
		t.Errorf("validIPv6(%q) = %t", s, got)
	}
	if got := validIPv4(s); got != (want && !strings.Contains(s, ":")) {
		t.Errorf("validIPv4(%q) = %t", s, got)
	}
}

var addresses = []string{
	"::", "::1", "1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
	"1::2::3", "1:::2", ":1", "1:", ":", "", "12345::", "g::", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
	"::1.2.3", "::1.2.3.256", "::01.2.3.4", "1.2.3.4", "1.2.3.4.5", "1..2.3", "1.2.3.", ".1.2.3", "0.0.0.0", "00.0.0.0", "a.b.c.d",
	"255.255.255.255", "1:2:3:4:5:6:7:8::", "::1%eth0", "1.2.3.4:5",
}

func TestAddresses(t *testing.T) {
	for _, s := range addresses {
		checkAddress(t, s)
	}
}

func FuzzAddress(f *testing.F) {
	for _, s := range addresses {
		f.Add(s)
	}
	f.Fuzz(checkAddress)
}
