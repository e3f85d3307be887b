package observe

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// filled returns the line that a template makes of a record, without its end.
func filled(t *testing.T, text string, r *Record) string {
	t.Helper()
	f, err := ParseFormat(text)
	if err != nil {
		t.Fatal(err)
	}
	if f.String() != text {
		t.Errorf("the format is called %q, want %q", f, text)
	}
	line := lineOf(f, r, &Clock{Location: newfoundland}, nil)
	checkPrintable(t, strings.ReplaceAll(line, "\t", " "))
	return strings.TrimSuffix(line, "\n")
}

func TestTemplate(t *testing.T) {
	tests := []struct {
		name, text string
		change     func(*Record)
		want       string
	}{
		{"common", `{remote} - {user} [{time}] "{method} {target} {protocol}" {status} {bytes}`, nil,
			`192.0.2.7 - - [07/Mar/2026:09:05:03 -0330] "GET /a%20b?q=1 HTTP/1.1" 200 5120`},
		{"times", "{time_iso} {time_unix}", nil, "2026-03-07T09:05:03.014159-03:30 1772886903.014159"},
		{"what took how long", "{duration} {phase.head} {phase.body} {phase.queue} {phase.app} {phase.stream} {phase.send}", nil,
			"1.002345 0.000010 0.000000 0.000200 1.000000 0.000030 0.002105"},
		{"what answered", "{id} {site} {route} {host} {port} {received}", nil, "5f3a9c01-1b-3 example.org /a/ example.org 50312 17"},
		{"nothing answered", "{site} {route} {host} {method} {target} {received} {bytes} {user}", func(r *Record) { *r = Record{} }, "- - - - - - - -"},
		{"parts of the target", "{path} {query}", nil, "/a%20b ?q=1"},
		{"no query", "{path} {query}", func(r *Record) { r.Target = "/a" }, "/a -"},
		{"fields in quotes keep their spaces", `"{user_agent}" "{referer}"`, func(r *Record) { r.UserAgent, r.Referer = "a b", "c d" }, `"a b" "c d"`},
		{"fields in the open do not", `{user_agent}	{referer}`, func(r *Record) { r.UserAgent, r.Referer = "a b", "" }, "a\\x20b\t-"},
		{"words never do", `"{target} {user} {id}"`, func(r *Record) { r.Target, r.User, r.ID.Given = "/ b", "c d", "e f" }, `"/\x20b c\x20d e\x20f"`},
		{"nothing gets out of quotes", `"{user_agent}"`, func(r *Record) { r.UserAgent = "\" x \\ \n\xff" }, `"\x22 x \x5c \x0a\xff"`},
		{"braces", `{{"status":{status}}}`, nil, `{"status":200}`},
		{"aborted", "{status} {aborted}", func(r *Record) { r.Aborted = true }, "200 aborted"},
		{"not aborted", "{status} {aborted}", nil, "200 -"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := filled(t, test.text, request(test.change)); got != test.want {
				t.Errorf("line\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestTemplateFaults(t *testing.T) {
	tests := map[string]string{
		"{status} {methd}":   "template, character 10: unknown name {methd}; did you mean {method}?",
		"{pahse.app}":        "template, character 1: unknown name {pahse.app}; did you mean {phase.app}?",
		"{user-agent}":       "template, character 1: unknown name {user-agent}; did you mean {user_agent}?",
		"{http_cookie}":      "template, character 1: unknown name {http_cookie}; known are remote, port, user, time,",
		"{}":                 "template, character 1: unknown name {}; known are",
		"a {status":          "template, character 3: an opening brace that nothing closes; write {{ for the character",
		"a {status {method}": "template, character 3: an opening brace that nothing closes",
		"{status} }":         "template, character 10: a closing brace that nothing has opened; write }} for the character",
		"{status}\n":         "template, character 9: a character that is not printable ASCII",
		"{status} é":         "template, character 10: a character that is not printable ASCII",
		"{{}}":               `the template "{{}}" has no value such as {status}`,
	}
	for text, want := range tests {
		if _, err := ParseFormat(text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: error %v, want %s", text, err, want)
		}
	}
}

// The manual explains every name, and no other.
func TestTemplateNamesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| name | value |")
	table, _, _ = strings.Cut(table, "\n\n")
	documented := make(map[string]bool)
	for _, name := range regexp.MustCompile("`\\{([a-z_.]+)\\}`").FindAllStringSubmatch(table, -1) {
		documented[name[1]] = true
	}
	for _, name := range TemplateNames() {
		if !documented[name] {
			t.Errorf("docs/logs.md does not explain {%s}", name)
		}
		delete(documented, name)
	}
	for name := range documented {
		t.Errorf("docs/logs.md explains {%s}, which is no name", name)
	}
}

func FuzzTemplateIsPrintable(f *testing.F) {
	f.Add(`{remote} "{method} {target}" {status}`, "a\" b\n")
	f.Add(`{{{status}}}`, "\xff\\")
	f.Add("{user_agent}\t\"{referer}", "=&token=x y")
	f.Fuzz(func(t *testing.T, text, value string) {
		if !strings.Contains(text, "{") {
			return
		}
		format, err := ParseFormat(text)
		if err != nil {
			return
		}
		r := &Record{ID: RequestID{Given: value}, User: value, Host: value, Method: value, Target: value, Referer: value, UserAgent: value, Time: time.Unix(1e9, 0)}
		line := lineOf(format, r, &Clock{Location: time.UTC}, DefaultMasks())
		checkPrintable(t, strings.ReplaceAll(line, "\t", " "))
		if written := strings.Count(text, `"`); strings.Count(line, `"`) != written {
			t.Fatalf("%q has made %q of %q", text, line, value)
		}
	})
}
