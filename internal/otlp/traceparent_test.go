package otlp

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestParseTraceparent(t *testing.T) {
	const trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	zeros := strings.Repeat("0", 32)
	for _, tt := range []struct {
		name, value string
		flags       byte
		ok          bool
	}{
		{"sampled", "00-" + trace + "-" + span + "-01", 1, true},
		{"not sampled", "00-" + trace + "-" + span + "-00", 0, true},
		{"unknown flags", "00-" + trace + "-" + span + "-ff", 0xff, true},
		{"a version to come", "cc-" + trace + "-" + span + "-01", 1, true},
		{"a version to come with more", "cc-" + trace + "-" + span + "-01-what-the-future-will-be-like", 1, true},
		{"a version to come with an empty part", "cc-" + trace + "-" + span + "-01-", 1, true},
		{"a version to come with more and no hyphen", "cc-" + trace + "-" + span + "-01.what", 0, false},
		{"version 0 with more", "00-" + trace + "-" + span + "-01-what", 0, false},
		{"version 0 with a hyphen", "00-" + trace + "-" + span + "-01-", 0, false},
		{"version ff", "ff-" + trace + "-" + span + "-01", 0, false},
		{"a version in capitals", "CC-" + trace + "-" + span + "-01", 0, false},
		{"a version that is no number", ".0-" + trace + "-" + span + "-01", 0, false},
		{"a short version", "0-" + trace + "-" + span + "-01", 0, false},
		{"a long version", "000-" + trace + "-" + span + "-01", 0, false},
		{"a trace id of zeros", "00-" + zeros + "-" + span + "-01", 0, false},
		{"a trace id in capitals", "00-" + strings.ToUpper(trace) + "-" + span + "-01", 0, false},
		{"a trace id with another character", "00-." + trace[1:] + "-" + span + "-01", 0, false},
		{"a long trace id", "00-" + trace + "0-" + span + "-01", 0, false},
		{"a short trace id", "00-" + trace[1:] + "-" + span + "-01", 0, false},
		{"a parent id of zeros", "00-" + trace + "-" + zeros[:16] + "-01", 0, false},
		{"a parent id in capitals", "00-" + trace + "-" + strings.ToUpper(span) + "-01", 0, false},
		{"a short parent id", "00-" + trace + "-" + span[1:] + "-01", 0, false},
		{"flags with another character", "00-" + trace + "-" + span + "-.0", 0, false},
		{"flags in capitals", "00-" + trace + "-" + span + "-0A", 0, false},
		{"short flags", "00-" + trace + "-" + span + "-1", 0, false},
		{"long flags", "00-" + trace + "-" + span + "-001", 0, false},
		{"no flags", "00-" + trace + "-" + span, 0, false},
		{"other separators", "00_" + trace + "_" + span + "_01", 0, false},
		{"white space before", " 00-" + trace + "-" + span + "-01", 0, false},
		{"white space behind", "00-" + trace + "-" + span + "-01 ", 0, false},
		{"two values", "00-" + trace + "-" + span + "-01,00-" + trace + "-" + span + "-01", 0, false},
		{"two values of a version to come", "cc-" + trace + "-" + span + "-01,cc-" + trace + "-" + span + "-01", 0, false},
		{"nothing", "", 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseTraceparent(tt.value)
			if ok != tt.ok || got.flags != tt.flags {
				t.Fatalf("got %v, %v", got, ok)
			}
			if ok && (hex.EncodeToString(got.trace[:]) != trace || hex.EncodeToString(got.span[:]) != span) {
				t.Errorf("got %x, %x", got.trace, got.span)
			}
			if !ok && got != (parent{}) {
				t.Errorf("got %v of what is refused", got)
			}
		})
	}
}

func TestParseTracestate(t *testing.T) {
	x := strings.Repeat
	many := x("a=1,", 32)
	for _, tt := range []struct{ name, value, want string }{
		{"nothing", "", ""},
		{"one", "foo=1", "foo=1"},
		{"two", "foo=1,bar=2", "foo=1,bar=2"},
		{"white space and empty members", " foo=1 \t,, bar=2,", "foo=1,bar=2"},
		{"all characters", "foo_-*/09=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~", "foo_-*/09=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~"},
		{"a tenant", "0t@v=1", "0t@v=1"},
		{"white space in a value", "foo=a b", "foo=a b"},
		{"a long key", x("k", 256) + "=1", x("k", 256) + "=1"},
		{"a long tenant and system", x("t", 241) + "@" + x("v", 14) + "=1", x("t", 241) + "@" + x("v", 14) + "=1"},
		{"32 members", many, many[:len(many)-1]},
		{"33 members", many + "b=1", ""},
		{"too long a key", x("k", 257) + "=1", ""},
		{"too long a tenant", x("t", 242) + "@v=1", ""},
		{"too long a system", "t@" + x("v", 15) + "=1", ""},
		{"no tenant", "@v=1", ""},
		{"no system", "t@=1", ""},
		{"two tenants", "t@t@v=1", ""},
		{"a digit first", "0foo=1", ""},
		{"a capital", "Foo=1", ""},
		{"white space before the equals sign", "foo =1", ""},
		{"two equals signs", "foo=bar=1", ""},
		{"no value", "foo=", ""},
		{"no equals sign", "foo", ""},
		{"a control in a value", "foo=\x01", ""},
		{"too long a value", "foo=" + x("v", 257), ""},
		{"more than has to be passed on", "a=" + x("v", 255) + ",b=" + x("v", 252) + ",c=1", "a=" + x("v", 255) + ",b=" + x("v", 252)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseTracestate(tt.value); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
