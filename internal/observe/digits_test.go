package observe

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
)

func TestPutMicros(t *testing.T) {
	var b [6]byte
	for n := range 1_000_000 {
		putMicros(b[:], uint32(n))
		read := 0
		for _, digit := range b {
			read = 10*read + int(digit-'0')
		}
		if read != n {
			t.Fatalf("%d became %s", n, b)
		}
	}
}

func TestAppendNumbers(t *testing.T) {
	for range 10_000 {
		n := rand.Int64() >> rand.IntN(64)
		if got := string(appendInt([]byte("x"), n)); got != fmt.Sprint("x", n) {
			t.Errorf("%d became %s", n, got)
		}
		if got := string(appendHex([]byte("x"), uint64(n))); got != fmt.Sprintf("x%x", n) {
			t.Errorf("%x became %s", n, got)
		}
		a := [4]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}
		if got := string(appendIPv4([]byte("x"), a)); got != "x"+netip.AddrFrom4(a).String() {
			t.Errorf("%v became %s", a, got)
		}
	}
}
