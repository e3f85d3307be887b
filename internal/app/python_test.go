package app

import (
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
)

func TestArgumentOfApplications(t *testing.T) {
	dir := folder(t, "shop/", "shop/__init__.py", "shop/wsgi.py", "shop/views.py", "hello.py", "site/", "site/manage.py", "a:b", "c.py:app", "c.py", "odd.py/",
		"src/", "src/app.py", "src/site/", "src/pack/", "src/pack/__init__.py", "web.wsgi", "web/", "web/wsgi.py", "notes/", "both/", "both/py.py", "both.py")
	for _, test := range []struct {
		arg   string
		chdir string
		name  string // of the application; "" is none
		err   string
	}{
		// Names of modules and of what is in them: only the interpreter knows whether they are there.
		{arg: "shop.wsgi:application", name: "shop"},
		{arg: "elsewhere:app", name: "elsewhere"},
		{arg: "shop:create_app()", name: "shop"},
		{arg: "shop:site.app", name: "shop"},
		{arg: "größe:app", name: "größe"},
		{arg: "a:b", err: `"a:b" can be read as a Python application and as the file of that name; write "./a:b" for the file`},

		// Files, which are there or not.
		{arg: "hello.py", name: "hello"},
		{arg: "./hello.py", name: "hello"},
		{arg: "hello.py:app", name: "hello"},
		{arg: "shop/wsgi.py:make()", name: "wsgi"},
		{arg: filepath.Join(dir, "hello.py"), name: "hello"},
		{arg: "site/manage.py", name: "site"},
		{arg: "none.py", err: "there is no file or folder none.py"},
		{arg: "none.py:app", err: "there is no file none.py"},
		{arg: "sub/none.py:app", err: "there is no file sub/none.py"},
		{arg: "c.py:app", err: `"c.py:app" can be read as a Python application and as the file of that name; write "./c.py:app" for the file`},
		{arg: "both.py:app", err: `"both.py:app" can be read as the file both.py and as the module both.py of a package; write "./both.py:app" for the file`},
		{arg: "./both.py:app", name: "both"},

		// Modules alone, where they are not folders.
		{arg: "hello", name: "hello"},
		{arg: "shop.wsgi", name: "shop"},
		{arg: "shop"},
		{arg: "odd.py"},
		{arg: "notes"},
		{arg: "web.wsgi", err: `"web.wsgi" can be read as a Python module and as the file of that name; write "./web.wsgi" for the file or "web.wsgi:application" for the other`},
		{arg: "shop.models", err: "there is no file or folder shop.models, and no Python module (shop/models.py or shop/models/__init__.py)"},
		{arg: "other.models", err: "there is no file or folder other.models"},
		{arg: "none", err: "there is no file or folder none, and no Python module (none.py or none/__init__.py)"},

		// What lacks a part is no application.
		{arg: "shop:", err: `"shop:" does not name a Python application; write module:callable, such as shop:application`},
		{arg: "shop:2nd", err: `"shop:2nd" does not name a Python application; write module:callable, such as shop:application`},
		{arg: "shop.wsgi:a-b", err: `"shop.wsgi:a-b" does not name a Python application; write module:callable, such as shop.wsgi:application`},
		{arg: ":app", err: "there is no file or folder :app"},

		// In another folder.
		{arg: "app", chdir: "src", name: "app"},
		{arg: "app.py", chdir: "src", name: "app"},
		{arg: "app.py:app", chdir: "src", name: "app"},
		{arg: "pack", chdir: "src", name: "pack"},
		{arg: "app:app", chdir: "src", name: "app"},
		{arg: "manage.py", chdir: "site", name: "site"},
		{arg: "shop", chdir: dir, err: `"shop" can be read as a Python module and as the folder of that name; write "./shop" for the folder or "shop:application" for the other`},
		{arg: "none", chdir: "src", err: "there is no file or folder none, and no Python module (src/none.py or src/none/__init__.py)"},
		{arg: "hello.py", chdir: "src", err: "there is no file src/hello.py"},
		{arg: "hello.py:app", chdir: "src", err: "there is no file src/hello.py"},
	} {
		t.Run(test.arg+" "+test.chdir, func(t *testing.T) {
			got, err := argument(test.arg, test.chdir)
			switch {
			case err != nil || test.err != "":
				if err == nil || err.Error() != test.err {
					t.Fatalf("error %v\nwant  %s", err, test.err)
				}
			case test.name == "":
				if got.app != nil {
					t.Fatalf("it is taken for the application %q", got.app.WSGI)
				}
			case got.app == nil:
				t.Fatalf("it is not taken for an application but for %q", got.path)
			default:
				in := test.chdir
				if !filepath.IsAbs(in) {
					in = filepath.Join(dir, in)
				}
				if got.path != test.arg || got.app.WSGI != test.arg || got.app.Name != test.name || got.app.Dir != in {
					t.Errorf("subject %q, application %q, name %q, folder %q", got.path, got.app.WSGI, got.app.Name, got.app.Dir)
				}
			}
		})
	}
}

// Whoever knows of more that a word could mean, such as commands, asks what kind of error it is.
func TestAbsence(t *testing.T) {
	folder(t)
	for arg, want := range map[string]bool{"rnu": true, "none.py:app": true, "a/b": true, "shop:": false, "localhost:80": false} {
		_, err := argument(arg, "")
		var usage *UsageError
		if !errors.As(err, &usage) || errors.Is(err, fs.ErrNotExist) != want {
			t.Errorf("%s: %v (%T)", arg, err, err)
		}
	}
}

func TestCallable(t *testing.T) {
	for arg, want := range map[string]bool{
		"app:app": true, "a.b_c.d1:app": true, "größe:app": true, "a:b.c": true, "a:b()": true,
		"a": false, "a:": false, ":a": false, "a..b:c": false, "1a:b": false, "a:1": false, "a:b:c": false,
		"a/b:c": false, "localhost:80": false, "[::1]:80": false, "a:b c": false,
	} {
		if got := isCallable(arg); got != want {
			t.Errorf("isCallable(%q) = %v", arg, got)
		}
	}
}
