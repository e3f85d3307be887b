package forward

import (
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestXForwarded(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "2001:db8:ffff::/48")
	tests := []struct {
		name   string
		fields []string
		client string // "" for the peer
		scheme string
		host   string
	}{
		{name: "nothing"},
		{name: "the client", fields: []string{"X-Forwarded-For: 192.0.2.1"}, client: "192.0.2.1:0"},
		{name: "in any case", fields: []string{"x-forwarded-FOR: 192.0.2.1"}, client: "192.0.2.1:0"},
		{name: "with a port", fields: []string{"X-Forwarded-For: 192.0.2.1:4711"}, client: "192.0.2.1:4711"},
		{name: "IPv6", fields: []string{"X-Forwarded-For: 2001:db8::1"}, client: "[2001:db8::1]:0"},
		{name: "IPv6 in brackets", fields: []string{"X-Forwarded-For: [2001:db8::1]"}, client: "[2001:db8::1]:0"},
		{name: "IPv6 with a port", fields: []string{"X-Forwarded-For: [2001:db8::1]:443"}, client: "[2001:db8::1]:443"},
		{name: "IPv4 written as IPv6", fields: []string{"X-Forwarded-For: ::ffff:192.0.2.1"}, client: "192.0.2.1:0"},
		{name: "a trusted one written as IPv6", fields: []string{"X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.1"}, client: "192.0.2.1:0"},
		{name: "what the client invents", fields: []string{"X-Forwarded-For: 127.0.0.1, 192.0.2.1"}, client: "192.0.2.1:0"},
		{name: "through another proxy", fields: []string{"X-Forwarded-For: 127.0.0.1, 192.0.2.1, 10.1.1.1"}, client: "192.0.2.1:0"},
		{name: "through another proxy of IPv6", fields: []string{"X-Forwarded-For: 192.0.2.1, [2001:db8:ffff::2]:99"}, client: "192.0.2.1:0"},
		{name: "several lines", fields: []string{"X-Forwarded-For: 192.0.2.9, 192.0.2.1", "X-Forwarded-For: 10.0.0.2,10.0.0.1"}, client: "192.0.2.1:0"},
		{name: "white space", fields: []string{"X-Forwarded-For: \t192.0.2.9 ,\t192.0.2.1\t, 10.0.0.1 "}, client: "192.0.2.1:0"},
		{name: "proxies alone", fields: []string{"X-Forwarded-For: 10.0.0.3, 10.0.0.2"}, client: "10.0.0.3:0"},
		{name: "unknown", fields: []string{"X-Forwarded-For: 192.0.2.1, unknown"}},
		{name: "unknown behind a proxy", fields: []string{"X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1"}, client: "10.0.0.1:0"},
		{name: "empty", fields: []string{"X-Forwarded-For: "}},
		{name: "an empty element, as of a peer without an address", fields: []string{"X-Forwarded-For: 192.0.2.1, "}},
		{name: "a name", fields: []string{"X-Forwarded-For: localhost"}},
		{name: "a zone", fields: []string{"X-Forwarded-For: fe80::1%eth0"}},
		{name: "a number that some take for an address", fields: []string{"X-Forwarded-For: 2130706433"}},
		{name: "leading zeros", fields: []string{"X-Forwarded-For: 192.0.2.010"}},
		{name: "half a bracket", fields: []string{"X-Forwarded-For: [2001:db8::1"}},
		{name: "IPv4 in brackets", fields: []string{"X-Forwarded-For: [192.0.2.1]"}},
		{name: "a port that is none", fields: []string{"X-Forwarded-For: 192.0.2.1:http"}},
		{name: "a port too large", fields: []string{"X-Forwarded-For: 192.0.2.1:65536"}},
		{name: "a port that is empty", fields: []string{"X-Forwarded-For: 192.0.2.1:"}},
		{name: "more proxies than there are", fields: []string{"X-Forwarded-For: 192.0.2.1" + strings.Repeat(", 10.0.0.7", maxElements)}, client: "10.0.0.7:0"},
		{name: "as many proxies as there can be", fields: []string{"X-Forwarded-For: 192.0.2.1" + strings.Repeat(", 10.0.0.7", maxElements-1)}, client: "192.0.2.1:0"},
		{name: "the scheme", fields: []string{"X-Forwarded-Proto: https"}, scheme: "https"},
		{name: "the scheme in any case", fields: []string{"X-Forwarded-Proto: HTTP"}, scheme: "http"},
		{name: "the scheme that the peer says", fields: []string{"X-Forwarded-Proto: https, http"}, scheme: "http"},
		{name: "the scheme that the peer says, on a line of its own", fields: []string{"X-Forwarded-Proto: http", "X-Forwarded-Proto: https"}, scheme: "https"},
		{name: "another scheme", fields: []string{"X-Forwarded-Proto: javascript"}},
		{name: "the host", fields: []string{"X-Forwarded-Host: example.org:8443"}, host: "example.org:8443"},
		{name: "the host that the peer says", fields: []string{"X-Forwarded-Host: a.example, b.example "}, host: "b.example"},
		{name: "all of it", fields: []string{"X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: example.org"},
			client: "192.0.2.1:0", scheme: "https", host: "example.org"},
		{name: "the other family", fields: []string{"Forwarded: for=192.0.2.1;proto=https;host=example.org"}},
	}
	for _, test := range tests {
		check(t, test.name, fromPrefixed(trusted, fields(test.fields...)), test.client, test.scheme, test.host)
	}
}

func check(t *testing.T, name string, got origin, client, scheme, host string) {
	t.Helper()
	text := ""
	if got.client.IsValid() {
		text = got.client.String()
	}
	if text != client || got.scheme != scheme || got.host != host {
		t.Errorf("%s: client %q, scheme %q, host %q; want %q, %q, %q", name, text, got.scheme, got.host, client, scheme, host)
	}
}

// Behind a proxy that appends what it knows, a client is where it is, whatever it says.
func TestClientCannotChoose(t *testing.T) {
	trusted := prefixes("10.0.0.0/8")
	text := rapid.StringOfN(rapid.SampledFrom([]rune("0123456789.:,; \t\"\\[]=_forunkwxFp")), 0, 60, -1)
	claim := rapid.OneOf(text,
		rapid.SampledFrom([]string{"10.0.0.1", "127.0.0.1", `for="`, `for=10.0.0.1, x="`, `for=127.0.0.1,for="\`, `"`, `\`, ", , ", "unknown",
			strings.Repeat("10.0.0.1,", 40), strings.Repeat("for=10.0.0.1,", 40)}))
	real := rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.1:80", "[2001:db8::1]", "[2001:db8::1]:80"})
	rapid.Check(t, func(r *rapid.T) {
		claims := rapid.SliceOfN(claim, 0, 3).Draw(r, "claims")
		address := real.Draw(r, "address")
		want, _ := parseElement(address)
		for name, appended := range map[string]string{
			"X-Forwarded-For": address,
			"Forwarded":       `for="` + address + `";proto=http;by="10.0.0.9:80"`,
		} {
			h := fields()
			for _, c := range claims {
				h.Add(name, c)
			}
			if n := len(claims); n > 0 && rapid.Bool().Draw(r, "joins") { // to the last line, as many proxies do
				h.Reset()
				for _, c := range claims[:n-1] {
					h.Add(name, c)
				}
				h.Add(name, claims[n-1]+", "+appended)
			} else {
				h.Add(name, appended)
			}
			tell := fromPrefixed
			if name == "Forwarded" {
				tell = fromStandard
			}
			if got := tell(trusted, h).client; got != want && (name != "Forwarded" || got != netip.AddrPort{}) {
				r.Fatalf("%s: %q makes a client at %s appear at %s", name, claims, want, got)
			}
		}
	})
}
