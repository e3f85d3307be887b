//go:build unix

package gateway

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindInterpreter(t *testing.T) {
	root := t.TempDir()
	script := func(parts ...string) string {
		t.Helper()
		name := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		answer := "#!/bin/sh\nprintf '3 9 1\\ncpython\\n\\n'\n"
		if err := os.WriteFile(name, []byte(answer), 0o755); err != nil {
			t.Fatal(err)
		}
		return name
	}
	path := script("bin", "python3")
	other := script("bin", "python3.9")
	active := script("active", "bin", "python3")
	conda := script("conda", "bin", "python")
	beside := script("site", ".venv", "bin", "python3")
	above := script("shop", "venv", "bin", "python3")
	for _, dir := range []string{"plain", "shop/src/deep", "empty"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "plain", "text"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	onPath := "PATH=/nonexistent::" + in("bin")

	for _, test := range []struct {
		name   string
		cfg    Config
		want   string
		failed []string // words of the error
	}{
		{name: "on PATH", cfg: Config{Dir: in("plain"), Environ: []string{onPath}}, want: path},
		{name: "PATH of the application's environment", cfg: Config{Dir: in("plain"), Environ: []string{"PATH=/nonexistent"}, Env: []string{onPath}}, want: path},
		{name: "beside the application", cfg: Config{Dir: in("site"), Environ: []string{onPath}}, want: beside},
		{name: "above the application", cfg: Config{Dir: in("shop", "src", "deep"), Environ: []string{onPath}}, want: above},
		{name: "conda", cfg: Config{Dir: in("site"), Environ: []string{onPath, "CONDA_PREFIX=" + in("conda")}}, want: conda},
		{name: "active", cfg: Config{Dir: in("site"), Environ: []string{onPath, "CONDA_PREFIX=" + in("conda"), "VIRTUAL_ENV=" + in("active")}}, want: active},
		{name: "named folder", cfg: Config{Python: in("conda"), Environ: []string{"VIRTUAL_ENV=" + in("active")}}, want: conda},
		{name: "named file", cfg: Config{Python: other}, want: other},
		{name: "named program", cfg: Config{Python: "python3.9", Environ: []string{onPath}}, want: other},

		{name: "none", cfg: Config{Dir: in("plain"), Environ: []string{"PATH=/nonexistent"}}, failed: []string{"VIRTUAL_ENV", ".venv", "PATH", "--python"}},
		{name: "active but gone", cfg: Config{Dir: in("site"), Environ: []string{"VIRTUAL_ENV=" + in("empty")}}, failed: []string{"VIRTUAL_ENV", in("empty"), "unset"}},
		{name: "named folder without", cfg: Config{Python: in("empty")}, failed: []string{in("empty"), "not a virtual environment"}},
		{name: "named file without", cfg: Config{Python: in("no", "python")}, failed: []string{in("no", "python"), "no such file"}},
		{name: "named file that is none", cfg: Config{Python: in("plain", "text")}, failed: []string{"not executable"}},
		{name: "named program without", cfg: Config{Python: "python3.99", Environ: []string{onPath}}, failed: []string{"python3.99", "PATH"}},
		{name: "no folder", cfg: Config{Dir: in("nowhere"), Environ: []string{onPath}}, failed: []string{"nowhere"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := findInterpreter(context.Background(), &test.cfg)
			if test.failed != nil {
				if err == nil {
					t.Fatalf("found %s", got.Path)
				}
				for _, word := range test.failed {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("error %q does not speak of %q", err, word)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Path != test.want || got.Version != "3.9.1" || got.Implementation != "CPython" {
				t.Errorf("found %+v, want %s", got, test.want)
			}
		})
	}
}

func TestProbe(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"too old", "printf '3 7 9\\ncpython\\n/x\\n'", "is Python 3.7.9"},
		{"very old", "printf '2 7 18\\nunknown\\n/x\\n'", "is Python 2.7.18"},
		{"another implementation", "printf '3 10 14\\npypy\\n/x\\n'", "is pypy, and workers need CPython"},
		{"no Python", "echo hello", "does not answer as Python does"},
		{"broken", "echo 'no module encodings' >&2; exit 1", "no module encodings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "python")
			if err := os.WriteFile(name, []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			_, err := probe(context.Background(), name, nil, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), name) {
				t.Errorf("error %v, want one that says %q", err, test.want)
			}
		})
	}
	if python := testPython(t); !filepath.IsAbs(python.Path) || !strings.HasPrefix(python.Version, "3.") {
		t.Errorf("found %+v", python)
	}
}

func TestWorkerEnvironment(t *testing.T) {
	got := workerEnvironment(&Config{Environ: []string{"A=1", "B=2", "A=3"}, Env: []string{"B=4", "C="}})
	if want := []string{"A=3", "B=4", "C="}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
