package policy

import (
	"net/netip"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

func prefixList(t testing.TB, list string) (all []netip.Prefix) {
	t.Helper()
	for _, s := range strings.Fields(list) {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func TestAccess(t *testing.T) {
	tests := []struct {
		name, allow, deny string
		in, out           string // addresses that are let in, and that are not
	}{
		{"who is denied stays out", "", "192.0.2.0/24", "192.0.3.1 198.51.100.7 2001:db8::1 unix", "192.0.2.0 192.0.2.255"},
		{"where one is allowed the others are not", "192.0.2.0/24", "", "192.0.2.7", "192.0.3.7 2001:db8::1 unix"},
		{"the longest prefix decides", "10.0.0.0/8 10.1.2.3/32", "10.1.0.0/16", "10.0.0.1 10.1.2.3 10.2.0.0", "10.1.2.4 10.1.255.255 11.0.0.1"},
		{"whatever their order", "10.1.2.3/32 10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "10.1.2.4"},
		{"denied within denied", "", "10.0.0.0/8 10.1.0.0/16", "11.0.0.1", "10.0.0.1 10.1.0.1"},
		{"everybody but one", "0.0.0.0/0 ::/0", "192.0.2.1/32", "192.0.2.2 2001:db8::1", "192.0.2.1 unix"},
		{"IPv6", "2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::1", "2001:db8:1::1 2001:db9::1 192.0.2.1"},
		{"IPv4 mapped to IPv6 is IPv4", "", "192.0.2.0/24", "::ffff:192.0.3.1", "::ffff:192.0.2.1"},
		{"also in a prefix", "", "::ffff:192.0.2.0/120", "192.0.3.1", "192.0.2.1 ::ffff:192.0.2.1"},
		{"a zone changes nothing", "", "fe80::/10", "2001:db8::1%eth0", "fe80::1 fe80::1%eth0"},
		{"bits behind the prefix do not count", "", "192.0.2.77/24", "192.0.3.1", "192.0.2.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cfg := Config{Access: &Access{Allow: prefixList(t, test.allow), Deny: prefixList(t, test.deny)}}
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, cfg, inlineInner{new(inner)})})
				expect := func(list string, want int) {
					for _, addr := range strings.Fields(list) {
						if addr == "unix" && d == servertest.Loop {
							continue // which is TCP
						}
						if got := ask(t, s, "GET /", "X-Client: "+addr); got.Status != want {
							t.Errorf("%s: %d, want %d", addr, got.Status, want)
						}
					}
				}
				expect(test.in, 200)
				expect(test.out, 403)
			})
		})
	}
}

func TestAccessFaults(t *testing.T) {
	tests := []struct {
		allow, deny []netip.Prefix
		want        string
	}{
		{prefixList(t, "10.0.0.0/8"), prefixList(t, "10.0.0.0/8"), "10.0.0.0/8 is both allowed and denied"},
		{prefixList(t, "10.0.0.0/8"), prefixList(t, "10.1.1.1/8"), "10.0.0.0/8 is both allowed and denied"},
		{[]netip.Prefix{{}}, nil, "is no address prefix"},
	}
	for _, test := range tests {
		_, err := New(Config{Access: &Access{test.allow, test.deny}}, new(inner))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("allow %v, deny %v: %v, want %q", test.allow, test.deny, err, test.want)
		}
	}
}
