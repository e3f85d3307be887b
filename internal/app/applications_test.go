package app

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"highball"
	"highball/internal/config"
	"highball/internal/gateway"
)

// serveSites runs a server of what answers at the given places, instead of what its configuration says.
func serveSites(t *testing.T, places ...place) *live {
	t.Helper()
	c := config.Default()
	handler, err := (&sites{places: places}).handler()
	if err != nil {
		t.Fatal(err)
	}
	return run(t, &c, func(a *App) {
		a.front.current.Load().answer(handler)
	})
}

// says answers with its own text and the path.
func says(text string) highball.Handler {
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		_, err := w.WriteString(text + " " + r.Path())
		return err
	})
}

func TestMostSpecificPrefixAnswers(t *testing.T) {
	app, static, deep, other := says("app"), says("static"), says("deep"), says("other")
	for name, places := range map[string][]place{
		"in one order":   {{nil, "", "/", nil, app}, {nil, "", "/static/", nil, static}, {nil, "", "/static/deep/", nil, deep}, {nil, "b.example", "/", nil, other}},
		"in the reverse": {{nil, "b.example", "/", nil, other}, {nil, "", "/static/deep/", nil, deep}, {nil, "", "/static/", nil, static}, {nil, "", "/", nil, app}},
	} {
		c := serveSites(t, places...).dial(t)
		for _, test := range []struct{ host, path, want string }{
			{"h", "/", "app /"},
			{"h", "/a/b", "app /a/b"},
			{"h", "/statics", "app /statics"},
			{"h", "/static", "static /static"},
			{"h", "/static/", "static /static/"},
			{"h", "/static/x", "static /static/x"},
			{"h", "/static/deep", "deep /static/deep"},
			{"h", "/static/deep/x", "deep /static/deep/x"},
			{"h", "/static/deep/../x", "static /static/x"},
			{"h", "/%73tatic/x", "static /static/x"},
			{"b.example", "/static/x", "other /static/x"},
		} {
			c.send("GET " + test.path + " HTTP/1.1\r\nHost: " + test.host + "\r\n\r\n")
			if res, body := c.answer("GET"); body != test.want {
				t.Errorf("%s: %s%s: %s %q, want %q", name, test.host, test.path, res.Status, body, test.want)
			}
		}
	}
}

func TestMountedApplicationLeavesTheRest(t *testing.T) {
	c := serveSites(t, place{nil, "", "/shop/", nil, says("app")}).dial(t)
	for path, want := range map[string]int{"/": 404, "/shop": 200, "/shop/": 200, "/shop/a": 200, "/shopping": 404} {
		c.send("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
		if res, _ := c.answer("POST"); res.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, res.Status, want)
		}
	}
}

// versatile can be asked in every way there is, and remembers in which it was.
type versatile struct {
	mu    sync.Mutex // guards the following field
	asked []string
}

func (v *versatile) note(way string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked = append(v.asked, way)
}

func (v *versatile) ways() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.asked)
}

func (v *versatile) Serve(*highball.Response, *highball.Request) error {
	v.note("serve")
	return nil
}

func (v *versatile) ServeInline(*highball.Response, *highball.Request) bool {
	v.note("inline")
	return false
}

func (v *versatile) ServeLater(*highball.Turn, *highball.Request, highball.Later) highball.Pending {
	v.note("later")
	return nil
}

// What a handler can do besides Serve reaches it through whatever wraps it; what is for the server as a whole does not.
func TestEveryWayReachesTheHandler(t *testing.T) {
	for name, places := range map[string]func(*versatile) []place{
		"alone": func(v *versatile) []place { return []place{{nil, "", "/", nil, v}} },
		"in a mux": func(v *versatile) []place {
			return []place{{nil, "", "/", nil, v}, {nil, "", "/static/", nil, says("static")}}
		},
	} {
		v := new(versatile)
		l := serveSites(t, places(v)...)
		c := l.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		c.answer("GET")
		c.send("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
		if res, _ := c.answer("OPTIONS"); res.StatusCode != 204 {
			t.Errorf("%s: OPTIONS *: %s", name, res.Status)
		}
		if got, want := v.ways(), waysAsked(); !cmp.Equal(got, want) {
			t.Errorf("%s: asked %q, want %q", name, got, want)
		}
	}
}

func TestGatewayConfig(t *testing.T) {
	name := filepath.Join(t.TempDir(), "app.env")
	if err := os.WriteFile(name, []byte("A=file\nB=file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := config.DefaultApp("shop", "shop:app", "/srv")
	a.EnvFile, a.Env, a.Workers, a.MaxBody = name, []string{"B=flag"}, 3, config.Off
	got, err := gatewayConfig(&a)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"A=file", "B=file", "B=flag"}; !cmp.Equal(got.Env, want) {
		t.Errorf("environment %q, want %q", got.Env, want)
	}
	if got.Name != "shop" || got.Target != "shop:app" || got.Dir != "/srv" || got.Workers != 3 || got.Threads != 1 || got.MaxBody >= 0 {
		t.Errorf("%+v", got)
	}
	a.EnvFile = name + ".gone"
	if _, err := gatewayConfig(&a); err == nil || !strings.Contains(err.Error(), "app.env.gone") {
		t.Errorf("without the file: error %v", err)
	}
}

func TestLimitOfApplications(t *testing.T) {
	for _, test := range []struct{ body, app, want int64 }{{100, 500, 500}, {100, 50, 100}, {100, config.Off, 0}, {config.Off, 50, 0}} {
		c := config.Config{Limits: config.Limits{Body: test.body}, Apps: []config.App{{MaxBody: test.app}}}
		if got := limits(&c).Body; got != test.want {
			t.Errorf("%d and an application's %d: %d, want %d", test.body, test.app, got, test.want)
		}
	}
}

func TestWorkerOutput(t *testing.T) {
	var w bytes.Buffer
	workerOutput(&w, terminal{}, "worker")(1, []byte("hello"))
	workerOutput(&w, terminal{pretty: true, colour: true}, "shop")(12, nil)
	if got, want := w.String(), "[worker 1] hello\n\x1b[2m[shop 12]\x1b[0m \n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRouteToNowhere(t *testing.T) {
	site := config.DefaultSite("")
	site.Routes = []config.Route{{Path: "/", App: "shop"}}
	if _, err := openSites(&config.Config{Sites: []config.Site{site}}, nil, Env{}, nil); err == nil || !strings.Contains(err.Error(), `"shop"`) {
		t.Errorf("error %v", err)
	}
}

func TestMessageOfLoadError(t *testing.T) {
	err := &gateway.LoadError{Message: "importing shop failed: ValueError: x", Traceback: "Traceback:\n  line\nValueError: x"}
	want := "Traceback:\n  line\nValueError: x\nhighball: importing shop failed: ValueError: x"
	if got := Message(err); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// On a terminal a traceback stands below its record, as Python prints it.
func TestReadableRecords(t *testing.T) {
	var w bytes.Buffer
	log := terminal{pretty: true}.logger(&w, slog.LevelInfo)
	log.With("app", "shop").Error("it failed", "error", "x", "traceback", "Traceback:\n  line\nValueError: x")
	log.DebugContext(context.Background(), "not shown")
	_, got, _ := strings.Cut(w.String(), " ")
	if want := "ERR it failed app=shop error=x\n  Traceback:\n    line\n  ValueError: x\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.Reset()
	terminal{}.logger(&w, slog.LevelInfo).Error("it failed", "traceback", "a\nb")
	if got := w.String(); strings.Count(got, "\n") != 1 {
		t.Errorf("in a pipe a record is one line, not %q", got)
	}
}
