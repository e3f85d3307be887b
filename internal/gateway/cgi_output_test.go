//go:build linux

package gateway

import (
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// printing returns a script that prints text, with the escapes of printf.
func printing(text string) string { return shell("printf '" + text + "'") }

func TestCGIOutput(t *testing.T) {
	leaveNothing(t)
	for _, c := range []struct {
		name, text string
		status     int
		fields     string // "name: value" each
		body       string
		log        string
	}{
		{"document", `Content-Type: text/plain\n\nhello`, 200, "Content-Type: text/plain", "hello", ""},
		{"CRLF", `Content-Type: text/plain\r\nX-A: 1\r\n\r\n\r\nhello`, 200, "X-A: 1", "\r\nhello", ""},
		{"status", `Status: 404 Not Here\nContent-Type: text/plain\n\nno`, 404, "", "no", ""},
		{"status alone", `status: 201\n\n`, 201, "", "", ""},
		{"body on a 204", `Status: 204\n\nbody`, 204, "", "", ""},
		{"client redirect", `Location: http://example.org/x\n\n`, 302, "Location: http://example.org/x", "", ""},
		{"client redirect with status", `Status: 301 Moved\nLocation: http://example.org/x\nContent-Type: text/plain\n\nthere`, 301, "Location: http://example.org/x", "there", ""},
		{"local redirect elsewhere", `Location: /other/place?x=1\n\n`, 302, "Location: /other/place?x=1", "", ""},
		{"local redirect with status", `Status: 303 See\nLocation: /cgi-bin/target\n\n`, 303, "Location: /cgi-bin/target", "", ""},
		{"scheme-relative redirect", `Location: //example.org/\n\n`, 302, "Location: //example.org/", "", ""},
		{"local redirect", `Location: /cgi-bin/target/info?a=b#part\n\nbody`, 200, "Content-Type: text/plain", "target GET /info a=b /cgi-bin/script", ""},
		{"local redirect upward", `Location: /cgi-bin/../../cgi-bin/target/%%41\n\n`, 200, "", "target GET /A  /cgi-bin/script", ""},
		{"circle", `Location: /cgi-bin/script\n\n`, 502, "", "", "redirect in a circle"},
		{"hop by hop", `Content-Type: text/plain\nConnection: close\nKeep-Alive: x\nX-CGI-Secret: y\nUpgrade: z\n\nok`, 200, "-Keep-Alive -X-CGI-Secret -Upgrade -Connection", "ok", ""},
		{"two cookies", `Content-Type: text/plain\nSet-Cookie: a=1\nSet-Cookie: b=2\n\nok`, 200, "Set-Cookie: a=1", "ok", ""},
		{"length", `Content-Type: text/plain\nContent-Length: 2\n\nok`, 200, "Content-Length: 2", "ok", ""},
		{"more than its length", `Content-Type: text/plain\nContent-Length: 2\n\nokay`, 200, "Content-Length: 2", "ok", "more than its Content-Length"},
		{"transfer coding", `Content-Type: text/plain\nTransfer-Encoding: chunked\n\n0\r\n\r\n`, 502, "", "", "Transfer-Encoding"},
		{"two lengths", `Content-Type: text/plain\nContent-Length: 2\nContent-Length: 3\n\nok`, 502, "", "", "two fields Content-Length"},
		{"bad length", `Content-Type: text/plain\nContent-Length: +2\n\nok`, 502, "", "", "is no length"},
		{"bad status", `Status: fine\n\n`, 502, "", "", "is not three digits"},
		{"interim status", `Status: 103\n\n`, 502, "", "", "final response"},
		{"two statuses", `Status: 200\nStatus: 404\n\n`, 502, "", "", "two fields Status"},
		{"carriage return", `Content-Type: text/plain\nX-A: 1\rSet-Cookie: b\n\n`, 502, "", "", "control character"},
		{"bad name", `Content-Type: text/plain\nX A: 1\n\n`, 502, "", "", "invalid name"},
		{"folded", `Content-Type: text/plain\n folded\n\n`, 502, "", "", "no header block"},
		{"no CGI field", `X-A: 1\n\nbody`, 502, "", "", "none of Content-Type, Location and Status"},
		{"bare body", `<h1>hello</h1>\n`, 502, "", "", "no header block"},
		{"no empty line", `Content-Type: text/plain\n`, 502, "", "", "an empty line is missing"},
		{"empty line first", `\nhello`, 502, "", "", "no header block"},
		{"nothing", ``, 502, "", "", "printed nothing (exit status 0)"},
		{"status line", `HTTP/1.1 200 OK\nContent-Type: text/plain\n\nok`, 502, "", "", "for scripts named nph-"},
		{"huge", `X-A: %%70000s\n\n`, 502, "", "", "longer than 65536"},
	} {
		for _, d := range []servertest.Driver{servertest.Loop, servertest.Goroutine} {
			t.Run(c.name+"/"+d.String(), func(t *testing.T) {
				script := printing(c.text)
				if c.name == "huge" {
					script = shell(`printf 'X-A: %70000s\n\n' x`)
				}
				s := serveCGI(t, d, &highball.Server{}, CGIConfig{Dir: folder(t, map[string]string{
					"script": script,
					"target": shell(`printf 'Content-Type: text/plain\n\ntarget %s' "$REQUEST_METHOD $PATH_INFO $QUERY_STRING $REQUEST_URI"`),
				})})
				client := s.Dial(t)
				r := client.Get("/cgi-bin/script")
				if r.Status != c.status || c.status < 400 && r.Body != c.body {
					t.Errorf("%d %q, want %d %q", r.Status, r.Body, c.status, c.body)
				}
				checkFields(t, r, c.fields)
				if c.log != "" {
					s.awaitLog(t, c.log)
				}
				client.WantOpen("/cgi-bin/target")
			})
		}
	}
}

// checkFields wants a field "name: value", or none of the names that follow hyphens.
func checkFields(t *testing.T, r servertest.Response, fields string) {
	t.Helper()
	name, value, ok := strings.Cut(fields, ": ")
	if ok {
		if got := r.Value(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
		return
	}
	for _, name := range strings.Fields(fields) {
		if got := r.Value(strings.TrimPrefix(name, "-")); got != "" {
			t.Errorf("%s came through: %q", name, got)
		}
	}
}

func TestCGINonParsedHeaders(t *testing.T) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Dir: folder(t, map[string]string{
		"nph-good":    printing(`HTTP/1.0 203 Hm\r\nX-A: b\r\nConnection: close\r\n\r\nbody`),
		"nph-plain":   printing(`Content-Type: text/plain\n\nbody`),
		"nph-chunked": printing(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
	})})
	c := s.Dial(t)
	if r := c.Get("/cgi-bin/nph-good"); r.Status != 203 || r.Body != "body" || r.Value("X-A") != "b" || r.Closing() {
		t.Errorf("got %+v", r)
	}
	for _, name := range []string{"nph-plain", "nph-chunked"} {
		if r := c.Get("/cgi-bin/" + name); r.Status != 502 {
			t.Errorf("%s: status %d", name, r.Status)
		}
	}
	s.awaitLog(t, "does not begin with a status line")
}

func TestCGIHeadHasNoBody(t *testing.T) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Dir: folder(t, map[string]string{
		"script": shell(`printf 'Content-Type: text/plain\n\n%s' "$REQUEST_METHOD"`),
		"goto":   printing(`Location: /cgi-bin/script\n\n`),
	})})
	c := s.Dial(t)
	for _, target := range []string{"/cgi-bin/script", "/cgi-bin/goto"} {
		c.Send("HEAD " + target + " HTTP/1.1\r\nHost: t\r\n\r\n")
		if r := c.Receive("HEAD"); r.Status != 200 || r.Value("Content-Length") != "4" {
			t.Errorf("%s: %+v", target, r)
		}
	}
	c.WantOpen("/cgi-bin/script")
}

// A redirect answers a POST by a GET without its body.
func TestCGIRedirectOfPOST(t *testing.T) {
	leaveNothing(t)
	s := serveCGI(t, servertest.Goroutine, &highball.Server{}, CGIConfig{Dir: folder(t, map[string]string{
		"script": shell(`printf 'Content-Type: text/plain\n\n%s %s %s|' "$REQUEST_METHOD" "$CONTENT_LENGTH" "$CONTENT_TYPE"`, "cat"),
		"goto":   shell(`cat >/dev/null`, `printf 'Location: /cgi-bin/script\n\n'`),
	})})
	c := s.Dial(t)
	c.Send("POST /cgi-bin/goto HTTP/1.1\r\nHost: t\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\nbody")
	if r := c.Receive("POST"); r.Status != 200 || r.Body != "GET  |" {
		t.Errorf("%d %q", r.Status, r.Body)
	}
}
