package h1

import (
	"net/http"
	"testing"
	"time"
)

const testNow = 784111777 // Sun, 06 Nov 1994 08:49:37 GMT

func TestParseDate(t *testing.T) {
	const refused = -1
	for _, c := range []struct {
		date string
		want int64
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", testNow},
		{"Sunday, 06-Nov-94 08:49:37 GMT", testNow},
		{"Sun Nov  6 08:49:37 1994", testNow},
		{"Wed Nov 16 08:49:37 1994", testNow + 10*secondsPerDay},
		{"Wednesday, 16-Nov-94 08:49:37 GMT", testNow + 10*secondsPerDay},
		{"Mon, 06 Nov 1994 08:49:37 GMT", testNow}, // the day's name is not compared
		{"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200},
		{"Tue, 29 Feb 2000 00:00:00 GMT", 951782400},
		{"Thu, 31 Dec 1998 23:59:59 GMT", 915148799},
		{"Friday, 01-Jan-44 00:00:00 GMT", 2335219200}, // 50 years ahead: 2044
		{"Sunday, 01-Jan-45 00:00:00 GMT", -788918400}, // 51 years ahead: 1945
		{"Thu, 29 Feb 2100 00:00:00 GMT", refused},     // no leap year
		{"Sun, 31 Nov 1994 08:49:37 GMT", refused},
		{"Sun, 00 Nov 1994 08:49:37 GMT", refused},
		{"Sun, 06 nov 1994 08:49:37 GMT", refused}, // case-sensitive
		{"Sun, 06 Nov 1994 24:00:00 GMT", refused},
		{"Sun, 06 Nov 1994 08:60:00 GMT", refused},
		{"Sun, 06 Nov 1994 08:00:61 GMT", refused},
		{"Sun, 06 Nov 1994 08:49:37 UTC", refused},
		{"Sun, 6 Nov 1994 08:49:37 GMT", refused}, // two digits
		{"Sun, +6 Nov 1994 08:49:37 GMT", refused},
		{"Xyz, 06 Nov 1994 08:49:37 GMT", refused},
		{"Sun, 06 Nov 1994 08:49:37 GMT ", refused},
		{"Sunday, 06 Nov 1994 08:49:37 GMT", refused},
		{"Sun, 06-Nov-94 08:49:37 GMT", refused},
		{"Sun Nov  66 8:49:37 1994", refused},
		{"Sunday", refused},
		{"", refused},
		{"0", refused},
		{"1994-11-06T08:49:37Z", refused},
		{"Sun, 06 Nov 1994 08:49:37 +0000", refused},
		{"Saturday, 31-Feb-94 08:49:37 GMT", refused},
		{"Sunday, 06-Nov-1994 08:49:37 GMT", refused},
		{"Wed, 31 Dec 9999 23:59:59 GMT", lastSecond},
		{"Sat, 01 Jan 0000 00:00:00 GMT", firstSecond},
		{"Thu, 01 Jan 1970 00:00:00 GMT", 0},
		{"Tue, 28 Feb 1900 00:00:00 GMT", -2203977600},
		{"Thursday, 01-Jan-70 00:00:00 GMT", 0},
		{"Sun Nov 06 08:49:37 1994", testNow}, // lenient
		{"Sun, 06 Nov 1994 08:49:3\x80 GMT", refused},
		{"Sun, 06 Nov\x001994 08:49:37 GMT", refused},
		{"Sun, 06 Nov 1994 08:49:37 GMTSun, 06", refused},
	} {
		got, ok := ParseDate(c.date, testNow)
		if !ok {
			got = refused
		}
		if got != c.want {
			t.Errorf("ParseDate(%q) = %d, want %d", c.date, got, c.want)
		}
	}
}

// Every day of the calendar's cycle, and its ends, as the standard library writes them.
func TestAppendDate(t *testing.T) {
	check := func(sec int64) {
		t.Helper()
		got := string(AppendDate(nil, sec))
		if want := time.Unix(sec, 0).UTC().Format(http.TimeFormat); got != want {
			t.Fatalf("AppendDate(%d) = %q, want %q", sec, got, want)
		}
		if back, ok := ParseDate(got, testNow); !ok || back != sec {
			t.Fatalf("ParseDate(%q) = %d, %t, want %d", got, back, ok, sec)
		}
	}
	for day := int64(-100 * 366); day < 400*366; day++ {
		check(day*secondsPerDay + day&0xffff)
	}
	check(firstSecond)
	check(lastSecond)
	if got, want := string(AppendDate(nil, lastSecond+1)), "Fri, 31 Dec 9999 23:59:59 GMT"; got != want {
		t.Errorf("after the last year: %q", got)
	}
	if got, want := string(AppendDate(nil, firstSecond-1)), "Sat, 01 Jan 0000 00:00:00 GMT"; got != want {
		t.Errorf("before the first year: %q", got)
	}
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov 16 08:49:37 1994"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		sec, ok := ParseDate(s, testNow)
		if !ok {
			return
		}
		want, err := http.ParseTime(s)
		// Leap seconds and, for two digits, the century are ours alone.
		if err == nil && (sec-want.Unix())%secondsPerDay != 0 {
			t.Errorf("ParseDate(%q) = %d, the standard library has %d", s, sec, want.Unix())
		}
	})
}
