package policy

import (
	"strings"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// corsFields returns the fields that CORS is about as "Name: value" lines.
func corsFields(r servertest.Response) string {
	var lines []string
	for _, f := range r.Fields {
		if strings.HasPrefix(f.Name, "Access-Control-") || f.Name == "Vary" {
			lines = append(lines, strings.TrimPrefix(f.Name, "Access-Control-")+": "+f.Value)
		}
	}
	return strings.Join(lines, "\n")
}

func TestCORS(t *testing.T) {
	every := CORS{Origins: []string{"*"}}
	some := CORS{Origins: []string{"https://a.example", "https://b.example:8443"}}
	full := CORS{Origins: []string{"https://a.example", "null"}, Methods: []string{"GET", "PUT"}, Headers: []string{"X-One", "X-Two"},
		Expose: []string{"X-Total", "ETag"}, Credentials: true, MaxAge: 10 * time.Minute}
	const put = "Access-Control-Request-Method: PUT"
	tests := []struct {
		name   string
		cors   CORS
		line   string
		fields []string
		status int
		want   string
	}{
		{"every origin", every, "GET /", []string{"Origin: https://a.example"}, 200, "Allow-Origin: *"},
		{"every origin, and nobody asks", every, "GET /", nil, 200, "Allow-Origin: *"},
		{"one that is listed", some, "GET /", []string{"Origin: https://b.example:8443"}, 200, "Vary: Origin\nAllow-Origin: https://b.example:8443"},
		{"one that is not", some, "GET /", []string{"Origin: https://c.example"}, 200, "Vary: Origin"},
		{"none", some, "GET /", nil, 200, "Vary: Origin"},
		{"another scheme", some, "GET /", []string{"Origin: http://a.example"}, 200, "Vary: Origin"},
		{"another port", some, "GET /", []string{"Origin: https://a.example:444"}, 200, "Vary: Origin"},
		{"in another case", some, "GET /", []string{"Origin: https://A.example"}, 200, "Vary: Origin"},
		{"one that begins so", some, "GET /", []string{"Origin: https://a.example.evil"}, 200, "Vary: Origin"},
		{"one that ends so", some, "GET /", []string{"Origin: https://evil-a.example"}, 200, "Vary: Origin"},
		{"null that is not listed", some, "GET /", []string{"Origin: null"}, 200, "Vary: Origin"},
		{"said twice", some, "GET /", []string{"Origin: https://a.example", "Origin: https://a.example"}, 200, "Vary: Origin"},
		{"null that is", full, "GET /", []string{"Origin: null"}, 200,
			"Vary: Origin\nAllow-Origin: null\nAllow-Credentials: true\nExpose-Headers: X-Total, ETag"},
		{"an error page", some, "GET /missing", []string{"Origin: https://a.example"}, 404, "Vary: Origin\nAllow-Origin: https://a.example"},
		{"an inner handler of another mind", some, "GET /own", []string{"Origin: https://c.example"}, 200, "Vary: Accept\nVary: Origin"},
		{"an inner handler that says it, too", some, "GET /own", []string{"Origin: https://a.example"}, 200,
			"Allow-Origin: https://a.example\nVary: Accept\nVary: Origin"},
		{"an inner handler that varies already", some, "GET /varies", nil, 200, "Vary: Accept, origin"},

		{"preflight: what was asked for", every, "OPTIONS /", []string{"Origin: https://a.example", put, "Access-Control-Request-Headers: x-one, x-two"}, 204,
			"Vary: Access-Control-Request-Method\nAllow-Methods: PUT\nVary: Access-Control-Request-Headers\nAllow-Headers: x-one, x-two\nAllow-Origin: *"},
		{"preflight: no fields asked for", every, "OPTIONS /", []string{"Origin: https://a.example", put}, 204,
			"Vary: Access-Control-Request-Method\nAllow-Methods: PUT\nVary: Access-Control-Request-Headers\nAllow-Origin: *"},
		{"preflight: what is configured", full, "OPTIONS /", []string{"Origin: https://a.example", put}, 204,
			"Allow-Methods: GET, PUT\nAllow-Headers: X-One, X-Two\nMax-Age: 600\nVary: Origin\nAllow-Origin: https://a.example\nAllow-Credentials: true\nExpose-Headers: X-Total, ETag"},
		{"preflight: what is no method", every, "OPTIONS /", []string{"Origin: https://a.example", "Access-Control-Request-Method: P(T"}, 204,
			"Vary: Access-Control-Request-Method\nVary: Access-Control-Request-Headers\nAllow-Origin: *"},
		{"preflight: one that is not listed", full, "OPTIONS /", []string{"Origin: https://c.example", put}, 204, "Vary: Origin"},
		{"OPTIONS that is no preflight", every, "OPTIONS /", []string{"Origin: https://a.example"}, 200, "Allow-Origin: *"},
		{"OPTIONS from nowhere", every, "OPTIONS /", []string{put}, 200, "Allow-Origin: *"},
	}
	answer := func(w *highball.Response, r *highball.Request) error {
		switch r.Path() {
		case "/missing":
			w.ErrorPage(404)
		case "/own":
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("Vary", "Accept")
		case "/varies":
			w.Header().Set("Vary", "Accept, origin")
		}
		return nil
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				i := &inner{answer: answer}
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{CORS: &test.cors}, inlineInner{i})})
				got := ask(t, s, test.line, test.fields...)
				if fields := corsFields(got); got.Status != test.status || fields != test.want {
					t.Errorf("got %d\n%s\nwant %d\n%s", got.Status, fields, test.status, test.want)
				}
				if n := i.inline.Load() + i.blocking.Load(); (n == 0) != (test.status == 204) {
					t.Errorf("the inner handler was asked %d times", n)
				}
			})
		})
	}
}

// Preflight requests carry no password, and are asked for none.
func TestPreflightBeforeAuth(t *testing.T) {
	cfg := Config{CORS: &CORS{Origins: []string{"https://a.example"}, Credentials: true}, Auth: &Auth{file(t, someUsers), "r"}}
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, cfg, new(inner))})
	got := ask(t, s, "OPTIONS /", "Origin: https://a.example", "Access-Control-Request-Method: PUT")
	if got.Status != 204 || got.Value("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("got %+v", got)
	}
	got = ask(t, s, "PUT /", "Origin: https://a.example")
	if got.Status != 401 || got.Value("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("got %+v", got)
	}
}

func TestCORSFaults(t *testing.T) {
	origin := func(s ...string) CORS { return CORS{Origins: s} }
	tests := []struct {
		cors CORS
		want string
	}{
		{CORS{}, "no origins"},
		{CORS{Origins: []string{"*"}, Credentials: true}, "name the origins"},
		{origin("*", "https://a.example"), `"*" stands alone`},
		{origin("a.example"), "is no origin"},
		{origin("https://"), "is no origin"},
		{origin("https://a.example/"), "is no origin"},
		{origin("https://*.example"), "is no origin"},
		{origin("https://A.example"), "lower case"},
		{origin("https://a.example:443"), "without its port"},
		{origin("http://a.example:80"), "without its port"},
		{CORS{Origins: []string{"https://a.example"}, Headers: []string{"a b"}}, "is no name"},
		{CORS{Origins: []string{"https://a.example"}, Methods: []string{""}}, "is no name"},
		{CORS{Origins: []string{"https://a.example"}, Expose: []string{"*"}, Credentials: true}, "with credentials"},
	}
	for _, test := range tests {
		if _, err := New(Config{CORS: &test.cors}, new(inner)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: %v, want %q", test.cors, err, test.want)
		}
	}
}
