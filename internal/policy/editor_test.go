package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

func TestHeaders(t *testing.T) {
	edits := []Edit{
		{Set, "X-Frame-Options", "DENY"},
		{Add, "X-Many", "second"},
		{Remove, "X-Powered-By", ""},
		{Set, "X-Twice", "first"}, {Set, "x-twice", "second"},
		{Add, "X-Gone", "a"}, {Remove, "x-gone", ""},
		{Set, "Server", "shop"},
	}
	answer := func(w *highball.Response, r *highball.Request) error {
		w.Header().Set("X-Many", "first")
		w.Header().Set("X-Powered-By", "PHP")
		w.Header().Set("x-frame-options", "ALLOW")
		switch r.Path() {
		case "/error":
			w.ErrorPage(500)
		case "/failed":
			return errors.New("failed")
		case "/prepared":
			p, err := highball.Prepare(200, w.Header(), nil)
			if err != nil {
				return err
			}
			return w.Send(p)
		}
		return nil
	}
	ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{Headers: edits}, made(&inner{answer: answer}))})
		for _, path := range []string{"/", "/error", "/prepared", "/failed"} {
			got := ask(t, s, "GET "+path)
			for name, want := range map[string]string{
				"X-Frame-Options": "DENY", "X-Powered-By": "", "X-Twice": "second", "X-Gone": "", "Server": "shop",
			} {
				if value := got.Value(name); value != want {
					t.Errorf("%s: %s is %q, want %q", path, name, value, want)
				}
			}
			names := make(map[string]int)
			for _, f := range got.Fields {
				names[strings.ToLower(f.Name)]++
			}
			if names["x-frame-options"] != 1 || names["x-twice"] != 1 || names["server"] != 1 || names["date"] != 1 {
				t.Errorf("%s: fields %q", path, got.Fields)
			}
		}
		if _, ok := made(new(inner)).(highball.LaterHandler); ok && d == servertest.Loop {
			return // whose answer is another
		}
		var many []string
		for _, f := range ask(t, s, "GET /").Fields {
			if f.Name == "X-Many" {
				many = append(many, f.Value)
			}
		}
		if !slices.Equal(many, []string{"first", "second"}) {
			t.Errorf("X-Many is %q", many)
		}
	})
}

// Refusals have the fields, too.
func TestHeadersOfRefusals(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{
			Headers: []Edit{{Set, "X-Frame-Options", "DENY"}}, Auth: &Auth{file(t, someUsers), "r"}, CacheControl: "max-age=60",
		}, new(inner))})
		got := ask(t, s, "GET /")
		if got.Status != 401 || got.Value("X-Frame-Options") != "DENY" || got.Value("Cache-Control") != "" || got.Value("WWW-Authenticate") == "" {
			t.Errorf("got %+v", got)
		}
	})
}

// Server is not told where it is removed.
func TestServerRemoved(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{Headers: []Edit{{Op: Remove, Name: "server"}}}, inlineInner{new(inner)})})
		got := ask(t, s, "GET /")
		if slices.ContainsFunc(got.Fields, func(f servertest.Field) bool { return strings.EqualFold(f.Name, "Server") }) || got.Value("Date") == "" {
			t.Errorf("fields %q", got.Fields)
		}
	})
}

func TestCacheControl(t *testing.T) {
	tests := []struct {
		name   string
		status int
		own    string
		want   string
	}{
		{"success", 200, "", "max-age=60"},
		{"created", 201, "", "max-age=60"},
		{"a part", 206, "", "max-age=60"},
		{"not modified", 304, "", "max-age=60"},
		{"the handler knows better", 200, "no-store", "no-store"},
		{"a redirect", 301, "", ""},
		{"not there", 404, "", ""},
		{"failed", 500, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				i := &inner{answer: func(w *highball.Response, _ *highball.Request) error {
					w.SetStatus(test.status)
					if test.own != "" {
						w.Header().Set("Cache-Control", test.own)
					}
					return nil
				}}
				s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{CacheControl: "max-age=60"}, inlineInner{i})})
				got := ask(t, s, "GET /")
				fields := slices.DeleteFunc(slices.Clone(got.Fields), func(f servertest.Field) bool { return f.Name != "Cache-Control" })
				if got.Status != test.status || got.Value("Cache-Control") != test.want || len(fields) > 1 {
					t.Errorf("got %d, %q, want %d, %q", got.Status, fields, test.status, test.want)
				}
			})
		})
	}
}

// What has been set last is what is sent: edits come after Cache-Control and CORS.
func TestEditsAreLast(t *testing.T) {
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: wrap(t, Config{
		CacheControl: "max-age=60", CORS: &CORS{Origins: []string{"*"}},
		Headers: []Edit{{Set, "Cache-Control", "private"}, {Op: Remove, Name: "Access-Control-Allow-Origin"}},
	}, inlineInner{new(inner)})})
	got := ask(t, s, "GET /")
	if got.Value("Cache-Control") != "private" || got.Value("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %+v", got)
	}
}

func TestHeaderFaults(t *testing.T) {
	for _, edit := range []Edit{
		{Set, "", "x"}, {Set, "a b", "x"}, {Set, "X", "a\r\nY: b"}, {Add, "X", "a\x00b"},
		{Set, "Content-Length", "5"}, {Remove, "content-length", ""}, {Set, "Transfer-Encoding", "chunked"}, {Set, "Connection", "close"},
		{Set, "Upgrade", "x"}, {Remove, "Date", ""}, {Set, "Trailer", "x"}, {Set, "Server", "a\nb"},
	} {
		if _, err := New(Config{Headers: []Edit{edit}}, new(inner)); err == nil {
			t.Errorf("%+v is taken", edit)
		}
	}
	if _, err := New(Config{CacheControl: "a\nb"}, new(inner)); err == nil {
		t.Error("a Cache-Control of two lines is taken")
	}
}
