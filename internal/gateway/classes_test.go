//go:build linux

package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"highball"
	"highball/internal/gateway"
	"highball/internal/servertest"
)

// classes is the configuration that serves testdata/classes.
func classes(t testing.TB) gateway.Config {
	t.Helper()
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	return gateway.Config{Dir: dir, Target: "classes", Classes: true}
}

// request sends a request with a method and a target, and returns its answer.
func request(c *servertest.Client, line string) servertest.Response {
	method, _, _ := strings.Cut(line, " ")
	c.Send(line + " HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
	return c.Receive(method)
}

func TestClassesChooseClassAndMethod(t *testing.T) {
	tests := []struct {
		request string
		status  int
		body    string // "-" is not compared
		allow   string
	}{
		{"GET /kv55/57330430", 200, "Zoë", ""},
		{"GET /kv55/57330430?q", 200, "Zoë", ""},
		{"GET /kv55/1", 404, "-", ""},
		{"GET /kv55", 404, "-", ""},
		{"HEAD /kv55/57330430", 200, "", ""},
		{"HEAD /kv55/1", 404, "", ""},
		{"PUT /kv55/1", 405, "-", "GET, HEAD, POST, OPTIONS"},
		{"OPTIONS /kv55/1", 204, "", "GET, HEAD, POST, OPTIONS"},
		{"TRACE /kv55/1", 501, "-", ""},
		{"BREW /kv55/1", 501, "-", ""},
		{"SEND_RESPONSE /kv55/1", 501, "-", ""},
		{"BREW /nowhere", 501, "-", ""},
		{"OPTIONS *", 204, "", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"},

		{"GET /every", 200, "GET /every", ""},
		{"POST /every/", 200, "POST /every/", ""},
		{"PUT /every/%C3%BC", 200, "PUT /every/ü", ""},
		{"PATCH /every/%FC", 200, "PATCH /every/ü", ""}, // not UTF-8
		{"DELETE /every/a/b", 200, "DELETE /every/a/b", ""},
		{"OPTIONS /every", 200, "OPTIONS /every", ""},
		{"HEAD /every", 200, "", ""},

		{"POST /kv_store", 200, "stored", ""},
		{"GET /kv_store", 405, "-", "POST, OPTIONS"}, // it inherits a get() that is for something else
		{"GET /sole", 200, "<sole>", ""},
		{"GET /sole?missing", 404, "-", ""},
		{"GET /slotted/x", 200, "/slotted/x", ""},
		{"GET /json", 200, "not the one of the library", ""},

		{"GET /", 404, "-", ""},
		{"GET /several", 404, "-", ""},
		{"GET /nowhere", 404, "-", ""},
		{"DELETE /nowhere", 404, "-", ""},
	}
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		r := serve(t, d, &highball.Server{}, classes(t))
		c := r.Dial(t)
		for _, test := range tests {
			res := request(c, test.request)
			if res.Status != test.status || test.body != "-" && res.Body != test.body || res.Value("Allow") != test.allow {
				t.Errorf("%s: %d %q, Allow %q; want %d %q, %q", test.request,
					res.Status, res.Body, res.Value("Allow"), test.status, test.body, test.allow)
			}
			if strings.HasPrefix(test.request, "HEAD") && res.Status < 300 && res.Value("Content-Length") == "" {
				t.Errorf("%s: no Content-Length", test.request)
			}
		}
		if out := r.output.String(); strings.Count(out, "several.py answers no requests") != 1 {
			t.Errorf("why a module is not served: %s", out)
		}
		first, second := c.Get("/every"), c.Get("/every")
		if a, b := first.Value("X-Instance"), second.Value("X-Instance"); a == b || a == "" {
			t.Errorf("the instances %s and %s are one", a, b)
		}
		if res := request(c, "HEAD /every"); res.Value("X-Own") != "head" || res.Value("Content-Length") != "7" {
			t.Errorf("a method HEAD is not asked: %v", res.Fields)
		}
	})
}

func TestClassesAnswers(t *testing.T) {
	source, err := os.ReadFile("testdata/classes/answers.py")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		status   int
		body     string // "-" is not compared
		mimeType string
	}{
		{"text", 200, "Grüße", "text/html; charset=utf-8"},
		{"plain", 200, "Grüße", "text/plain; charset=utf-8"},
		{"latin", 200, "Gr\xfc\xdfe", "text/plain; charset=iso-8859-1"},
		{"bytes", 200, "\x00\xff", "application/octet-stream"},
		{"blocks", 200, "0 ü1 2 ", "text/html; charset=utf-8"},
		{"blocks_sent", 202, "abü", "text/html; charset=utf-8"},
		{"file", 200, string(source), "text/x-python"},
		{"memory", 200, "in memory", "application/octet-stream"},
		{"timeout", 504, "-", "text/html; charset=utf-8"},
		{"number", 404, "", ""},
		{"helper", 200, "private", "text/html; charset=utf-8"},
		{"nothing", 500, "-", "-"},
		{"twice", 500, "-", "-"},
		{"dict", 500, "-", "-"},
		{"split", 500, "-", "-"},
		{"async", 500, "-", "-"},
		{"exit", 500, "-", "-"},
		{"no_such", 500, "-", "-"},
	}
	for _, threads := range []int{1, 3} {
		cfg := classes(t)
		cfg.Threads = threads
		r := serve(t, servertest.Loop, &highball.Server{}, cfg)
		c := r.Dial(t)
		for _, test := range tests {
			res := c.Get("/answers/" + test.name)
			if res.Status != test.status || test.body != "-" && res.Body != test.body {
				t.Errorf("%s: %d %q, want %d %q", test.name, res.Status, res.Body, test.status, test.body)
			}
			if test.mimeType != "-" && res.Value("Content-Type") != test.mimeType {
				t.Errorf("%s: type %q, want %q", test.name, res.Value("Content-Type"), test.mimeType)
			}
			if res.Status >= 400 && test.body == "-" && res.Body == "" || res.Value("Set-Cookie") != "" {
				t.Errorf("%s: %d %v %q", test.name, res.Status, res.Fields, res.Body)
			}
		}
		for _, text := range []string{
			"Answers.GET has neither sent a response nor returned one", "send_response was called twice", "it is not dict",
			"Answers.GET is asynchronous", "SystemExit: 3", "answers.py",
		} {
			await(t, r.log, text)
		}
		if strings.Contains(r.log.String(), "<highball>") {
			t.Errorf("frames of ours: %s", r.log)
		}
	}
}

// What a class is given: names of fields as they are but in lower case, the variables, and no field in the place of one of these.
func TestClassesEnvironment(t *testing.T) {
	r := serve(t, servertest.Loop, &highball.Server{}, classes(t))
	c := r.Dial(t)
	c.Send("GET /environ/%C3%BC/x?a=%20b HTTP/1.1\r\nHost: Example.org:80\r\nUser-Agent: an agent\r\nX-Two: a\r\nX-Two: b\r\n" +
		"X-Name: Zo\xc3\xab\r\nX-Old: Zo\xeb\r\nwsgi.input: stolen\r\nRequest-Method: DELETE\r\nPath_Info: /etc\r\nProxy: p\r\n" +
		"Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n")
	res := c.Receive("GET")
	var env map[string]any
	if err := json.Unmarshal([]byte(res.Body), &env); err != nil {
		t.Fatalf("%v: %d %s", err, res.Status, res.Body)
	}
	for name, want := range map[string]any{
		"request_method": "GET", "path_info": "/environ/ü/x", "script_name": "", "query_string": "a=%20b", "http_host": "Example.org:80",
		"host": "Example.org:80", "user-agent": "an agent", "http_user_agent": "an agent", "x-two": "a,b", "x-name": "Zoë", "x-old": "Zoë",
		"content-type": "text/plain", "content_type": "text/plain", "content-length": "0", "remote_addr": "127.0.0.1",
		"server_protocol": "HTTP/1.1", "wsgi.url_scheme": "http", "request-method": "DELETE", "proxy": nil, "http_proxy": nil,
		"input": "BytesIO", "same": true,
	} {
		if env[name] != want {
			t.Errorf("%s is %v, want %v", name, env[name], want)
		}
	}
	c.Send("POST /environ HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na\x00b")
	if res := c.Receive("POST"); res.Body != "a\x00b" {
		t.Errorf("the body came as %q", res.Body)
	}
	c.Send("GET /environ HTTP/1.0\r\n\r\n")
	if res := c.Receive("GET"); !strings.Contains(res.Body, `"http_host": ""`) {
		t.Errorf("without a host: %d %s", res.Status, res.Body)
	}
}

// A mount stands before the module's segment, unless it ends in it.
func TestClassesMount(t *testing.T) {
	cfg := classes(t)
	cfg.Workers, cfg.Environ, cfg.Logger = 1, append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1"), slog.New(slog.DiscardHandler)
	app, err := gateway.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := highball.NewMux()
	for _, mount := range []string{"/api", "/slotted", "/v1/slotted"} {
		if err := errors.Join(mux.Handle(mount, app.Handler(mount)), mux.Handle(mount+"/", app.Handler(mount))); err != nil {
			t.Fatal(err)
		}
	}
	srv := &highball.Server{Handler: mux}
	if err := app.Start(t.Context(), srv); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	c := servertest.New(t, servertest.Loop, srv).Dial(t)
	for target, want := range map[string]string{
		"/api/slotted/1": "/slotted/1", "/slotted/1": "/slotted/1", "/slotted": "/slotted", "/v1/slotted/1": "/slotted/1",
	} {
		if res := c.Get(target); res.Body != want {
			t.Errorf("%s: path_info %q, want %q (%d)", target, res.Body, want, res.Status)
		}
	}
	for _, target := range []string{"/api", "/api/", "/api/1"} {
		if res := c.Get(target); res.Status != 404 {
			t.Errorf("%s: %d", target, res.Status)
		}
	}
}

// Whatever a client writes, it names a module that lies in the folder, or nothing.
func TestClassesStayInTheFolder(t *testing.T) {
	root := t.TempDir()
	const text = "class Any:\n    def GET(self):\n        return 'answered'\n"
	for _, name := range []string{"classes/good.py", "classes/_own.py", "classes/__init__.py", "classes/a-b.py", "classes/1st.py", "classes/b.c.py",
		"classes/sub/inner.py", "classes/plain.txt", "classes/upper.PY", "classes/h\xc3\xa9.py", "outside.py", "elsewhere/mod.py"} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(root, "classes", name) }
	if err := errors.Join(
		os.Symlink(in("good.py"), in("inside.py")),
		os.Symlink("sub/inner.py", in("below.py")),
		os.Symlink(in("../outside.py"), in("link.py")),
		os.Symlink("../outside.py", in("relative.py")),
		os.Symlink("../elsewhere", in("folder")),
		os.Symlink("folder/mod.py", in("far.py")),
		os.Symlink("loop.py", in("loop.py")),
		os.Symlink("/dev/null", in("device.py")),
		os.Mkdir(in("dir.py"), 0o700),
		syscall.Mkfifo(in("pipe.py"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Dir: root, Target: "classes", Classes: true})
	c := r.Dial(t)
	for _, name := range []string{"good", "inside", "below"} {
		if res := c.Get("/" + name); res.Body != "answered" {
			t.Errorf("%s: %d %s", name, res.Status, res.Body)
		}
	}
	for _, name := range []string{
		"os", "sys", "json", "builtins", "highball", "importlib", "__main__", "__init__", "__highball__", "_own", "highball_class_good",
		"good.py", "good.Any", "Good", "GOOD", "good%00", "good%0A", "%20good", "good%20", "good;x", "sub", "sub.inner", "sub%2Finner", "a-b", "1st", "b.c", "plain",
		"upper", "h%C3%A9", "h%E9", "outside", "../outside", "..%2Foutside", "%2E%2E%2Foutside", "..%5Coutside", "%252E%252E%252Foutside",
		"/etc/passwd", "%2Fetc%2Fpasswd", "C:%5Cwindows", "link", "relative", "folder", "folder%2Fmod", "far", "loop", "device", "dir", "pipe",
		"good%EF%BC%8Epy", "g\xcc\xb1ood", strings.Repeat("a", 300), strings.Repeat("a", 5000),
	} {
		res := r.Dial(t).Get("/" + name)
		if res.Status != 404 && res.Status != 400 {
			t.Errorf("%s: %d %s", name, res.Status, res.Body)
		}
	}
	if log := r.log.String(); strings.Contains(log, "Traceback") {
		t.Errorf("some name made a class fail: %s", log)
	}
}

// A module that cannot be imported fails its own URL, until it can.
func TestClassesImportError(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("good.py", "class Good:\n    def get(self):\n        return 'good'\n")
	write("bad.py", "raise ValueError('this module is broken')\n")
	write("wrong.py", "class Wrong\n")
	r := serve(t, servertest.Loop, &highball.Server{}, gateway.Config{Dir: dir, Target: ".", Classes: true, Debug: true})
	c := r.Dial(t)
	for range 2 {
		if res := c.Get("/bad"); res.Status != 500 || !strings.Contains(res.Body, "ValueError: this module is broken") ||
			!strings.Contains(res.Body, "bad.py") || strings.Contains(res.Body, "worker_classes") {
			t.Errorf("bad: %d %s", res.Status, res.Body)
		}
		if res := c.Get("/wrong"); res.Status != 500 || !strings.Contains(res.Body, "SyntaxError") {
			t.Errorf("wrong: %d %s", res.Status, res.Body)
		}
		if res := c.Get("/good"); res.Body != "good" {
			t.Errorf("good: %d %s", res.Status, res.Body)
		}
	}
	write("bad.py", "class Bad:\n    def get(self):\n        return 'mended'\n")
	write("good.py", "class Good:\n    def get(self):\n        return 'changed'\n")
	write("late.py", "class Late:\n    def get(self):\n        return 'late'\n")
	for target, want := range map[string]string{"/bad": "mended", "/good": "good", "/late": "late"} {
		if res := c.Get(target); res.Body != want {
			t.Errorf("%s: %d %s, want %s", target, res.Status, res.Body, want)
		}
	}
	if err := r.app.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if res := c.Get("/good"); res.Body != "changed" {
		t.Errorf("after a reload: %d %s", res.Status, res.Body)
	}
}

// Classes run in supervised workers as applications do.
func TestClassesAreSupervised(t *testing.T) {
	srv := &highball.Server{Deadlines: highball.Deadlines{Handler: 300 * time.Millisecond}}
	r := serve(t, servertest.Loop, srv, classes(t))
	if res := r.Dial(t).Get("/answers/die"); res.Status != 502 {
		t.Errorf("a death: %d", res.Status)
	}
	for range 50 { // the deadline may pass while a new worker starts
		if r.Dial(t).Get("/answers/text").Status == 200 {
			break
		}
	}
	if res := r.Dial(t).Get("/answers/stuck"); res.Status != 504 {
		t.Errorf("a stuck request: %d", res.Status)
	}
	await(t, r.log, "in answer_stuck")
}

func TestClassesContract(t *testing.T) {
	servertest.ServerContract(t, func(t testing.TB, s *highball.Server) { prepare(t, s, classes(t)) },
		servertest.Case{Name: "text", Target: "/answers/text", Status: 200, Want: "Grüße"},
		servertest.Case{Name: "stream", Target: "/answers/blocks", Status: 200, Want: "0 ü1 2 "},
		servertest.Case{Name: "echo", Method: "POST", Target: "/environ", Body: "some text", Status: 200, Want: "some text"},
		servertest.Case{Name: "missing", Target: "/nowhere", Status: 404},
	)
}

func TestClassesNeedTheirFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"no-such-folder", file} {
		app, err := gateway.New(gateway.Config{Dir: "testdata", Target: target, Classes: true, Workers: 1, Environ: os.Environ(),
			Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		err = app.Start(t.Context(), new(highball.Server))
		if load := (*gateway.LoadError)(nil); !errors.As(err, &load) || load.Kind != "folder-not-found" || !strings.Contains(load.Message, target) {
			t.Errorf("%s: %v", target, err)
		}
		if err := app.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestClassesOnEveryPython(t *testing.T) {
	gateway.EachPython(t, func(t *testing.T, python string) {
		for _, preload := range []bool{false, true} {
			cfg := classes(t)
			cfg.Python, cfg.Preload = python, preload
			r := serve(t, servertest.Loop, &highball.Server{}, cfg)
			c := r.Dial(t)
			for target, want := range map[string]string{
				"/kv55/57330430": "Zoë", "/every": "GET /every", "/sole": "<sole>", "/slotted": "/slotted", "/answers/blocks": "0 ü1 2 ",
			} {
				if res := c.Get(target); res.Status != 200 || res.Body != want {
					t.Errorf("%s: %d %q, want %q", target, res.Status, res.Body, want)
				}
			}
			for target, want := range map[string]int{"/kv_store": 405, "/broken": 500, "/os": 404} {
				if res := c.Get(target); res.Status != want {
					t.Errorf("%s: %d, want %d", target, res.Status, want)
				}
			}
			if app := r.app.Describe().App; app != "the classes of classes" {
				t.Errorf("it is described as %q", app)
			}
		}
	})
}

// The class that the documentation shows is the one that is tested.
func TestDocumentedClass(t *testing.T) {
	class, err := os.ReadFile("testdata/classes/kv55.py")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/classes.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```python\n"+string(class)+"```\n") {
		t.Error("docs/classes.md does not show testdata/classes/kv55.py")
	}
}
