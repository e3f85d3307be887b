//go:build linux

package gateway

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestWorkerFindsApplication has the ways to name an application, and the name that it is found under.
func TestWorkerFindsApplication(t *testing.T) {
	tests := []struct {
		target  string
		dir     string // in testdata/worker
		factory bool
		want    string
		body    string // of its answer; "" is not asked for
	}{
		{target: "by_app:app", want: "by_app:app", body: "by_app"},
		{target: "by_app:nested.inner.app", want: "by_app:nested.inner.app", body: "by_app"},
		{target: "by_app:make()", want: "by_app:make()", body: "by_app"},
		{target: "by_app:make", factory: true, want: "by_app:make()", body: "by_app"},
		{target: "by_app:instance", want: "by_app:instance", body: "by_app"},
		{target: "by_app:Old", want: "by_app:Old", body: "class"},
		{target: "package.wsgi:application", want: "package.wsgi:application"},

		{target: "by_app.py:app", want: "by_app:app", body: "by_app"},
		{target: "found/by_app.py:app", dir: ".", want: "by_app:app"},
		{target: "package/wsgi.py", want: "wsgi:application"},

		{target: "by_app", want: "by_app:app"},
		{target: "by_app.py", want: "by_app:app"},
		{target: "by_application", want: "by_application:application"},
		{target: "by_sole", want: "by_sole:site"},
		{target: "by_factory", want: "by_factory:create_app()", body: "x"},
		{target: "by_factory", factory: true, want: "by_factory:create_app()"},
		{target: "package.wsgi", want: "package.wsgi:application"},

		{target: "manage.py", dir: "project", want: "shop.wsgi:application", body: "the project"},
		{target: "project/manage.py", dir: ".", want: "shop.wsgi:application"},
	}
	eachPython(t, func(t *testing.T, python string) {
		for _, test := range tests {
			config := loadConfig(t, test.dir, test.target)
			config.Factory = test.factory
			r := startRig(t, python, config)
			f := r.read()
			var ready struct{ App string }
			f.decode(t, &ready)
			if f.kind != rigReady || ready.App != test.want {
				t.Errorf("%s: %s, not %s", test.target, f, test.want)
				continue
			}
			if test.body != "" {
				if a := r.ask(rigReq{}); a.body != test.body {
					t.Errorf("%s: answers %+v", test.target, a)
				}
			}
		}
	})
}

// TestWorkerDjangoDefault: settings without WSGI_APPLICATION, in a manage.py that assigns.
func TestWorkerDjangoDefault(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		config := loadConfig(t, "project", "other/manage.py")
		config.Path = []string{config.Dir}
		r := startRig(t, python, config)
		var ready struct{ App string }
		r.want(rigReady).decode(t, &ready)
		if a := r.ask(rigReq{}); ready.App != "django.core.wsgi:get_wsgi_application()" || a.body != "the default" {
			t.Errorf("%s answers %+v", ready.App, a)
		}
	})
}

// TestWorkerRefusesApplication has what cannot be served. The message says what to do.
func TestWorkerRefusesApplication(t *testing.T) {
	tests := []struct {
		target    string
		dir       string
		factory   bool
		kind      string
		message   string // parts of it, separated by "|"
		traceback string // likewise; "" means that there is none
	}{
		{target: "by_ap:app", kind: "module-not-found", message: "no module by_ap in |did you mean by_app?"},
		{target: "packag.wsgi:app", kind: "module-not-found", message: "no module packag in |did you mean package?"},
		{target: "package.wsgy:app", kind: "module-not-found", message: "no module wsgy in package; did you mean wsgi?"},
		{target: "by_app.wsgi:app", kind: "module-not-found", message: "by_app, which is a module and not a package"},
		{target: "by_application:application", dir: ".", kind: "module-not-found", message: "there is one in found: use --chdir found"},
		{target: "by_ap.py:app", kind: "module-not-found", message: "there is no file |by_ap.py; did you mean by_app.py?"},
		{target: "no/folder.py", kind: "module-not-found", message: "there is no file "},
		{target: "not a module:app", kind: "module-not-found", message: "not a module"},
		{target: ":app", kind: "module-not-found", message: "MODULE:NAME"},
		{target: "json.py:app", kind: "import-failed", message: "json.py is hidden by a module of the same name|rename it"},

		{target: "bad_import:app", kind: "import-failed", message: "importing bad_import failed: ModuleNotFoundError: No module named 'no_such_module'",
			traceback: "bad_import.py\", line 5, in <module>|bad_import.py\", line 2, in inner"},
		{target: "bad_syntax:app", kind: "import-failed", message: "importing bad_syntax failed: SyntaxError: ", traceback: "line 1|environ start_response"},
		{target: "bad_exit:app", kind: "import-failed", message: "importing bad_exit failed: SystemExit: 4", traceback: "bad_exit.py\", line 2"},

		{target: "by_app:ap", kind: "attribute-missing", message: "by_app has no attribute 'ap'; did you mean app?"},
		{target: "by_app:nested.iner.app", kind: "attribute-missing", message: "by_app.nested has no attribute 'iner'; did you mean inner?"},
		{target: "nothing", kind: "attribute-missing", message: "neither app, application, create_app nor make_app|as in nothing:NAME"},
		{target: "ambiguous", kind: "ambiguous", message: "name one of ambiguous:one, ambiguous:two"},

		{target: "by_app:nested.text", kind: "not-callable", message: "by_app:nested.text is of type str and cannot be called"},
		{target: "by_app:nested.text()", kind: "not-callable", message: "is of type str"},
		{target: "by_app:make", kind: "not-callable", message: "by_app:make takes no environ|write by_app:make() or --factory"},
		{target: "by_app:needs_one", kind: "not-callable", message: "by_app:needs_one(environ) does not take the two arguments"},

		{target: "by_app:broken()", kind: "factory-failed", message: "calling by_app:broken() failed: RuntimeError: the factory is broken",
			traceback: "in broken"},
		{target: "by_app:needs_one", factory: true, kind: "factory-failed", message: "missing 1 required positional argument", traceback: "TypeError"},

		{target: "by_app:coroutine", kind: "asynchronous", message: "by_app:coroutine is asynchronous (ASGI)"},
		{target: "by_app:asgi", kind: "asynchronous", message: "by_app:asgi is asynchronous"},
		{target: "by_app:asynchronous", kind: "asynchronous", message: "by_app:asynchronous is asynchronous"},
		{target: "by_app:made()", kind: "asynchronous", message: "by_app:made is asynchronous"},

		{target: "silent/manage.py", dir: "project", kind: "django-settings", message: "set DJANGO_SETTINGS_MODULE"},
		{target: "elsewhere/manage.py", dir: ".", kind: "module-not-found", message: "Django is not installed for |--python"},
		{target: "by_app:app", dir: "no-such-folder", kind: "module-not-found", message: "cannot enter the folder|no-such-folder"},
	}
	eachPython(t, func(t *testing.T, python string) {
		for _, test := range tests {
			config := loadConfig(t, test.dir, test.target)
			config.Factory = test.factory
			r := startRig(t, python, config)
			f := r.read()
			var refusal struct {
				Kind, Message, Traceback string
				Files                    []string
			}
			f.decode(t, &refusal)
			if f.kind != rigLoadFail || refusal.Kind != test.kind || len(refusal.Files) == 0 {
				t.Errorf("%s: %s, not %s", test.target, f, test.kind)
				continue
			}
			for _, part := range strings.Split(test.message, "|") {
				if !strings.Contains(refusal.Message, part) || strings.Contains(refusal.Message, "\n") {
					t.Errorf("%s: no %q in message %q", test.target, part, refusal.Message)
				}
			}
			for _, part := range strings.Split(test.traceback, "|") {
				if !strings.Contains(refusal.Traceback, part) || test.traceback == "" && refusal.Traceback != "" {
					t.Errorf("%s: no %q in traceback:\n%s", test.target, part, refusal.Traceback)
				}
			}
			for _, ours := range []string{"<highball>", "importlib"} {
				if strings.Contains(refusal.Traceback, ours) {
					t.Errorf("%s: a frame of %s in the traceback:\n%s", test.target, ours, refusal.Traceback)
				}
			}
			if state := r.wait(); state != "exit status 3" || r.output.String() != "" {
				t.Errorf("%s: %s, %s", test.target, state, r.output)
			}
		}
	})
}

// loadConfig is the configuration of a worker in a folder of testdata/worker; "" is found.
func loadConfig(t *testing.T, dir, target string) workerConfig {
	t.Helper()
	if dir == "" {
		dir = "found"
	}
	config := rigConfig(t, target)
	config.Dir = filepath.Join(config.Dir, dir)
	return config
}
