package forward

import (
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"highball"
)

// TestMain fails when a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func prefixes(written ...string) (p proxies) {
	for _, s := range written {
		p = append(p, netip.MustParsePrefix(s))
	}
	return p
}

// fields makes a header of lines, each "Name: value".
func fields(lines ...string) *highball.Header {
	h := new(highball.Header)
	for _, line := range lines {
		for i := range line {
			if line[i] == ':' {
				h.Add(line[:i], line[i+2:])
				break
			}
		}
	}
	return h
}
