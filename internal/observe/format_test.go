package observe

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
)

// request returns a record with every part set, which cases then change.
func request(change func(*Record)) *Record {
	r := &Record{
		Time:      time.Date(2026, time.March, 7, 9, 5, 3, 14159265, time.FixedZone("", -(3*3600+30*60))),
		Remote:    netip.MustParseAddrPort("192.0.2.7:50312"),
		Host:      "example.org",
		Method:    "GET",
		Target:    "/a%20b?q=1",
		Minor:     1,
		Status:    200,
		Bytes:     5120,
		Duration:  1*time.Second + 2345*time.Microsecond + 678,
		ID:        RequestID{Epoch: "5f3a9c01", Connection: 0x1b, Number: 3},
		Spans:     Spans{10 * time.Microsecond, 0, 200 * time.Microsecond, time.Second, 30 * time.Microsecond, 2105 * time.Microsecond},
		Referer:   "http://example.org/",
		UserAgent: "curl/8.5.0",
		Received:  17,
		Route:     NewRoutes(1).Of("example.org", "/a/"),
	}
	if change != nil {
		change(r)
	}
	return r
}

// lineOf returns the line of a record that is the only one.
func lineOf(f Format, r *Record, clock *Clock, m *Masks) string {
	return string(f.append(nil, new(single).of(r), clock, m))
}

var newfoundland = time.FixedZone("NST", -(3*3600 + 30*60))

func TestFormatAppend(t *testing.T) {
	const common = `192.0.2.7 - - [07/Mar/2026:09:05:03 -0330] "GET /a%20b?q=1 HTTP/1.1" 200 5120`
	with := func(old, new string) string { return strings.Replace(common, old, new, 1) }
	const object = `{"time":"2026-03-07T09:05:03.014159-03:30","id":"5f3a9c01-1b-3","remote":"192.0.2.7","port":50312,` +
		`"host":"example.org","method":"GET","target":"/a%20b?q=1","protocol":"HTTP/1.1",` +
		`"status":200,"bytes":5120,"received":17,"duration":1.002345,` +
		`"phases":{"head":0.000010,"queue":0.000200,"app":1.000000,"stream":0.000030,"send":0.002105},` +
		`"site":"example.org","route":"/a/","referer":"http://example.org/","user_agent":"curl/8.5.0"}`
	withJSON := func(old, new string) string { return strings.Replace(object, old, new, 1) }

	tests := []struct {
		name   string
		format Format
		change func(*Record)
		want   string
	}{
		{"common", Common, nil, common},
		{"combined", Combined, nil, common + ` "http://example.org/" "curl/8.5.0"`},
		{"json", JSON, nil, object},

		{"unix socket", Common, func(r *Record) { r.Remote = netip.AddrPort{} }, with("192.0.2.7", "-")},
		{"IPv6", Common, func(r *Record) { r.Remote = netip.MustParseAddrPort("[2001:db8::7]:1") }, with("192.0.2.7", "2001:db8::7")},
		{"IPv6 zone is left out", Common, func(r *Record) { r.Remote = netip.MustParseAddrPort("[fe80::7%eth0]:1") }, with("192.0.2.7", "fe80::7")},
		{"IPv4 over a dual-stack socket", Common, func(r *Record) { r.Remote = netip.MustParseAddrPort("[::ffff:192.0.2.7]:1") }, common},
		{"HTTP/1.0", Common, func(r *Record) { r.Minor = 0 }, with("HTTP/1.1", "HTTP/1.0")},
		{"no body", Common, func(r *Record) { r.Bytes = 0 }, with("5120", "-")},
		{"head not parsed", Common, func(r *Record) { r.Method, r.Target, r.Status = "", "", 400 }, with(`GET /a%20b?q=1 HTTP/1.1" 200`, `-" 400`)},
		{"target not reached", Common, func(r *Record) { r.Target = "" }, with("/a%20b?q=1", "-")},
		{"no answer", Common, func(r *Record) { r.Status = 0 }, with(" 200 ", " 000 ")},
		{"no fields", Combined, func(r *Record) { r.Referer, r.UserAgent = "", "" }, common + ` "-" "-"`},
		{"spaces stay in fields", Combined, func(r *Record) { r.UserAgent = "Mozilla/5.0 (X11; Linux)" }, common + ` "http://example.org/" "Mozilla/5.0 (X11; Linux)"`},
		{"spaces are escaped in the target", Common, func(r *Record) { r.Target = "/ HTTP/1.1" }, with("/a%20b?q=1", `/\x20HTTP/1.1`)},
		{"quote", Combined, func(r *Record) { r.UserAgent = `a" 200 1 "b` }, common + ` "http://example.org/" "a\x22 200 1 \x22b"`},
		{"backslash", Combined, func(r *Record) { r.UserAgent = `a\` }, common + ` "http://example.org/" "a\x5c"`},
		{"controls", Combined, func(r *Record) { r.UserAgent = "\x00\t\n\r\x1b[2J\x7f" }, common + ` "http://example.org/" "\x00\x09\x0a\x0d\x1b[2J\x7f"`},
		{"bytes from 0x80", Combined, func(r *Record) { r.UserAgent = "é\x80\xff" }, common + ` "http://example.org/" "\xc3\xa9\x80\xff"`},

		{"json unix socket", JSON, func(r *Record) { r.Remote = netip.AddrPort{} }, withJSON(`"192.0.2.7","port":50312`, `"-"`)},
		{"json given id", JSON, func(r *Record) { r.ID.Given = `a"b` }, withJSON(`"5f3a9c01-1b-3"`, `"a\u0022b"`)},
		{"json user", JSON, func(r *Record) { r.User = "ann" }, withJSON(`50312`, `50312,"user":"ann"`)},
		{"json without a route", JSON, func(r *Record) { r.Route = nil }, withJSON(`"site":"example.org","route":"/a/",`, ``)},
		{"json with half a route", JSON, func(r *Record) { r.Route = NewRoutes(1).Of("", "/a/") }, withJSON(`"site":"example.org",`, ``)},
		{"json aborted", JSON, func(r *Record) { r.Aborted = true }, withJSON(`8.5.0"}`, `8.5.0","aborted":true}`)},
		{"json clock set back", JSON, func(r *Record) { r.Duration = -time.Second }, withJSON(`"duration":1.002345`, `"duration":0.000000`)},
		{"json empty strings", JSON, func(r *Record) { r.Method, r.Target, r.Host = "", "", "" }, withJSON(`"host":"example.org","method":"GET","target":"/a%20b?q=1"`, `"method":"","target":""`)},
		{"json without fields", JSON, func(r *Record) { r.Referer, r.UserAgent = "", "" }, withJSON(`,"referer":"http://example.org/","user_agent":"curl/8.5.0"`, ``)},
		{"json without a body", JSON, func(r *Record) { r.Received = 0 }, withJSON(`"received":17,`, ``)},
		{"json without phases", JSON, func(r *Record) { r.Spans = Spans{App: time.Microsecond - 1} }, withJSON(`{"head":0.000010,"queue":0.000200,"app":1.000000,"stream":0.000030,"send":0.002105}`, `{}`)},
		{"json escapes", JSON, func(r *Record) { r.UserAgent = "\"\\\n\x7fé" }, withJSON(`curl/8.5.0`, `\u0022\u005c\u000a\u007f\u00c3\u00a9`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := Clock{Location: newfoundland}
			got := string(test.format.append([]byte("before\n"), new(single).of(request(test.change)), &clock, nil))
			if want := "before\n" + test.want + "\n"; got != want {
				t.Errorf("line\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestParseFormat(t *testing.T) {
	for _, want := range []Format{Common, Combined, JSON} {
		if got, err := ParseFormat(want.String()); got != want || err != nil {
			t.Errorf("ParseFormat(%q) = %v, %v", want, got, err)
		}
	}
	for _, name := range []string{"", "Common", "off", "apache\n"} {
		_, err := ParseFormat(name)
		if err == nil || !strings.HasSuffix(err.Error(), "(known: common, combined, json, off, and templates such as \"{remote} {status}\")") {
			t.Errorf("ParseFormat(%q): error %v", name, err)
		}
	}
}

// The escapes are found eight bytes at a time, so each byte is put at every
// place within and around such a group.
func TestEscapeEveryByteAtEveryOffset(t *testing.T) {
	for c := range 256 {
		plain := c >= ' ' && c <= '~' && c != '"' && c != '\\'
		want := string(rune(c))
		if !plain {
			want = `\x` + string(hexDigits[c>>4]) + string(hexDigits[c&15])
		}
		for before := range 18 {
			s := strings.Repeat("a", before) + string([]byte{byte(c)}) + "zzzzzzzzz"
			got := string(appendEscaped(nil, []byte(s), escapeHex, keepSpace))
			if got != strings.Repeat("a", before)+want+"zzzzzzzzz" {
				t.Fatalf("byte %#x after %d others: %s", c, before, got)
			}
			if isPlain([]byte(s), keepSpace) != plain {
				t.Fatalf("byte %#x after %d others is taken for plain, or not", c, before)
			}
		}
	}
}

// apacheLine reads what Apache's notation writes as
// %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i".
var apacheLine = regexp.MustCompile(`^(\S+) (\S+) (\S+) \[([^]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"\n$`)

// unescape undoes \xHH.
func unescape(t *testing.T, s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i+3 >= len(s) || s[i+1] != 'x' {
			t.Fatalf("broken escape in %q", s)
		}
		b.WriteByte(byte(hexValue(s[i+2])<<4 | hexValue(s[i+3])))
		i += 3
	}
	return b.String()
}

// latin1 returns the bytes whose latin-1 reading s is.
func latin1(t *testing.T, s string) string {
	var b strings.Builder
	for _, c := range s {
		if c > 0xff {
			t.Fatalf("character %U is not one byte", c)
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}

func checkPrintable(t *testing.T, line string) {
	t.Helper()
	for i := range len(line) {
		if c := line[i]; (c < ' ' || c > '~') && (c != '\n' || i != len(line)-1) {
			t.Fatalf("byte %#x at %d in %q", c, i, line)
		}
	}
	if !strings.HasSuffix(line, "\n") {
		t.Fatalf("no line end in %q", line)
	}
}

func FuzzFormatKeepsEveryByte(f *testing.F) {
	f.Add("GET", "/", "h", "ref", "agent")
	f.Add("A B", "/ \" 200", "\xff", `\x22`, "\x1b[0m\r\n")
	f.Add("", "", "", "", "")
	f.Add("\u2028", "</script>", "\\", "-", "\x7f\x80")
	f.Fuzz(func(t *testing.T, method, target, host, referer, agent string) {
		r := request(func(r *Record) {
			r.Method, r.Target, r.Host, r.Referer, r.UserAgent = method, target, host, referer, agent
		})
		clock := Clock{Location: time.UTC}

		line := lineOf(JSON, r, &clock, nil)
		checkPrintable(t, line)
		var object struct {
			Method, Target, Host, Referer string
			UserAgent                     string `json:"user_agent"`
		}
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		for _, member := range []struct{ got, want string }{
			{object.Method, method}, {object.Target, target}, {object.Host, host},
			{object.Referer, referer}, {object.UserAgent, agent},
		} {
			if got := latin1(t, member.got); got != member.want {
				t.Fatalf("%q came back as %q", member.want, got)
			}
		}

		line = lineOf(Combined, r, &clock, nil)
		checkPrintable(t, line)
		parts := apacheLine.FindStringSubmatch(line)
		if parts == nil {
			t.Fatalf("not a combined line: %s", line)
		}
		for _, part := range []struct{ got, want string }{{parts[8], referer}, {parts[9], agent}} {
			if part.want == "" {
				part.want = "-"
			}
			if got := unescape(t, part.got); got != part.want {
				t.Fatalf("%q came back as %q", part.want, got)
			}
		}
		if method == "" {
			if parts[5] != "-" {
				t.Fatalf("request line %q without a method", parts[5])
			}
			return
		}
		words := strings.Split(parts[5], " ")
		if target == "" {
			target = "-"
		}
		if len(words) != 3 || unescape(t, words[0]) != method || unescape(t, words[1]) != target {
			t.Fatalf("request line %q of %q %q", parts[5], method, target)
		}
	})
}

func TestAppendDoesNotAllocate(t *testing.T) {
	line := make([]byte, 0, 4096)
	clock := Clock{Location: newfoundland}
	r := request(nil)
	var one single
	one.of(r)
	for _, f := range []Format{Common, Combined, JSON} {
		n := testing.AllocsPerRun(100, func() {
			r.Time = r.Time.Add(300 * time.Millisecond) // some calls move the clock on
			line = f.append(line[:0], one.of(r), &clock, nil)
		})
		if n != 0 {
			t.Errorf("%v: %v allocations per line", f, n)
		}
	}
}

func BenchmarkFormatAppend(b *testing.B) {
	r := request(func(r *Record) {
		r.UserAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
		r.Duration = 12741 * time.Microsecond
		r.Spans = Spans{Queue: 11020 * time.Microsecond, App: 1698 * time.Microsecond, Stream: 4 * time.Microsecond, Send: 19 * time.Microsecond}
	})
	e := new(single).of(r)
	for _, f := range []Format{Common, Combined, JSON} {
		b.Run(f.String(), func(b *testing.B) {
			line := make([]byte, 0, 4096)
			var clock Clock
			b.ReportAllocs()
			for b.Loop() {
				line = f.append(line[:0], e, &clock, nil)
			}
		})
	}
}
