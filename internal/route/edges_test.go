package route

import (
	"fmt"
	"testing"
)

// Segments come in families that differ in few octets. The hash must tell them
// apart all the same, or lookups among many of them become slow.
func TestEdges(t *testing.T) {
	const n = 5000
	for _, format := range []string{
		"%d",
		"%08d",
		"user-%d",
		"a-rather-long-prefix-%d",
		"%d-and-a-rather-long-suffix",
		"2f1c9a6e-%04x-4a7b-8c3d-1e5f7a9b0c2d",
		"%c",
	} {
		var e edges[int]
		s := new(stock[int])
		nodes := make(map[string]*node[int])
		for i := range n {
			text := fmt.Sprintf(format, 'a'+i)
			nodes[text] = e.add(text, s)
		}
		if len(nodes) != n {
			t.Fatalf("%s: only %d texts", format, len(nodes))
		}
		probes := 0
		for text, want := range nodes {
			if got := e.find(text); got != want || e.add(text, s) != want {
				t.Fatalf("%q is lost", text)
			}
			at := hash(text) & uint64(len(e.slots)-1)
			for e.slots[at].text != text {
				at = (at + 1) & uint64(len(e.slots)-1)
				probes++
			}
		}
		if int(e.used) != n || 2*n > len(e.slots) {
			t.Errorf("%s: %d used of %d slots for %d texts", format, e.used, len(e.slots), n)
		}
		if probes > n {
			t.Errorf("%s: %d probes too many for %d texts", format, probes, n)
		}
		for _, absent := range []string{"", "absent", "%d", "a-rather-long-prefix-and-more-than-that-to-be-sure"} {
			if e.find(absent) != nil {
				t.Errorf("%s: found %q", format, absent)
			}
		}
	}
}
