package observe

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMasksInTargets(t *testing.T) {
	tests := []struct{ target, want string }{
		{"/", "/"},
		{"/?a=1", "/?a=1"},
		{"/?token=t", "/?token=***"},
		{"/?token=", "/?token=***"},
		{"/?token", "/?token"},
		{"/?a=1&PassWord=x;y&b=2", "/?a=1&PassWord=***&b=2"},
		{"/?%74o%6Ben=t&b=2", "/?%74o%6Ben=***&b=2"},
		{"/;token=t", "/;token=***"},
		{"/?a=1#access_token=t", "/?a=1#access_token=***"},
		{"/token=t", "/token=t"},
		{"/?my_token=t", "/?my_token=t"},
		{"/?tokens=t", "/?tokens=t"},
		{"/?a=token=t", "/?a=token=***"}, // some read it so
		{"/?key=1&key=2", "/?key=***&key=***"},
		{"/?=t", "/?=t"},
		{"http://h/?token=t", "http://h/?token=***"},
	}
	m := DefaultMasks()
	for _, test := range tests {
		if got := string(m.AppendTarget([]byte("x"), test.target)); got != "x"+test.want {
			t.Errorf("%q is shown as %q, want %q", test.target, got[1:], test.want)
		}
	}
}

// The lists may be others, or empty.
func TestMasksOfOtherNames(t *testing.T) {
	m := NewMasks([]string{"SID"}, []string{"Referer", "user-agent"})
	r := request(func(r *Record) { r.Target, r.Referer, r.UserAgent = "/?sid=1&token=2", "http://h/?a", "me" })
	got := lineOf(Combined, r, &Clock{Location: newfoundland}, m)
	want := `192.0.2.7 - - [07/Mar/2026:09:05:03 -0330] "GET /?sid=***&token=2 HTTP/1.1" 200 5120 "***" "***"` + "\n"
	if got != want {
		t.Errorf("line\n got %swant %s", got, want)
	}
	for _, none := range []*Masks{nil, NewMasks(nil, nil)} {
		if got := string(none.AppendTarget(nil, "/?token=2")); got != "/?token=2" {
			t.Errorf("without masks: %q", got)
		}
	}
	head := "GET /?sid=1 HTTP/1.1\r\nReferer: x\r\nCookie: y\r\n\r\n"
	if got, want := string(m.AppendHead(nil, []byte(head))), "GET /?sid=*** HTTP/1.1\r\nReferer: ***\r\nCookie: y\r\n\r\n"; got != want {
		t.Errorf("head %q, want %q", got, want)
	}
}

// What is masked is escaped as well as the rest, in every format.
func TestMasksInEveryFormat(t *testing.T) {
	r := request(func(r *Record) { r.Target, r.Referer = "/\"?token=t\"&b=\x01", "http://h/?key=k&c=\xff" })
	clock := Clock{Location: newfoundland}
	template, err := ParseFormat("{target} {path} {query} {referer}")
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[Format]string{
		Common:   `192.0.2.7 - - [07/Mar/2026:09:05:03 -0330] "GET /\x22?token=***&b=\x01 HTTP/1.1" 200 5120`,
		template: `/\x22?token=***&b=\x01 /\x22 ?token=***&b=\x01 http://h/?key=***&c=\xff`,
	} {
		if got := lineOf(format, r, &clock, DefaultMasks()); got != want+"\n" {
			t.Errorf("%v\n got %swant %s", format, got, want)
		}
	}
	line := lineOf(JSON, r, &clock, DefaultMasks())
	for _, want := range []string{`"target":"/\u0022?token=***&b=\u0001"`, `"referer":"http://h/?key=***&c=\u00ff"`} {
		if !strings.Contains(line, want) {
			t.Errorf("%s is not in %s", want, line)
		}
	}
}

func TestMasksDoNotAllocate(t *testing.T) {
	line := make([]byte, 0, 4096)
	clock := Clock{Location: newfoundland}
	r := request(func(r *Record) { r.Target, r.Referer = "/?a=1&%74oken=t&b=2", "http://h/?key=k\"" })
	var one single
	one.of(r)
	m := DefaultMasks()
	template, err := ParseFormat(`{remote} {time} "{method} {target}" {status} {bytes} {duration} {phase.app} {id} {route} "{referer}" "{user_agent}"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Format{Common, Combined, JSON, template} {
		if n := testing.AllocsPerRun(100, func() {
			r.Time = r.Time.Add(300 * time.Millisecond)
			line = f.append(line[:0], one.of(r), &clock, m)
		}); n != 0 {
			t.Errorf("%v: %v allocations per line", f, n)
		}
	}
}

func BenchmarkMasks(b *testing.B) {
	m, line := DefaultMasks(), make([]byte, 0, 4096)
	for _, target := range []string{"/index.html", "/search?q=words&page=2", "/?token=0123456789abcdef"} {
		b.Run(fmt.Sprintf("%q", target), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				line = m.target().append(line[:0], []byte(target), escapeJSON, keepSpace)
			}
		})
	}
}
