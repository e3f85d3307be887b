package highball_test

// This file is a statement of policy: do not change it to fix a build.
//
// Imports run upward only. A package that wants one which its row does not grant is in the wrong place, or
// wants something that should be handed to it. Whoever thinks that the house itself should change says so in
// ARCHITECTURE.md first.

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// housePolicy is who may import whom.
func housePolicy() policy {
	return policy{
		module: "highball",
		packages: []row{
			// Level 0 knows nothing of ours.
			{pkg: "internal/h1"},
			{pkg: "internal/loop"},
			{pkg: "internal/route"},
			{pkg: "internal/observe"},
			{pkg: "internal/config"},
			// Level 1 is the public API. Its tests read the documents, and these speak of configurations and commands.
			{pkg: ".", ours: "internal/h1 internal/loop internal/observe internal/route", inTests: "internal/config internal/servertest"},
			// Level 2 are the handlers, which never import each other.
			{pkg: "internal/static", ours: ".", inTests: "internal/servertest"},
			{pkg: "internal/gateway", ours: ".", inTests: "internal/observe internal/servertest"},
			// So are those that stand around another one.
			{pkg: "internal/compress", ours: ".", inTests: "internal/servertest"},
			{pkg: "internal/forward", ours: ".", inTests: "internal/servertest"},
			{pkg: "internal/policy", ours: ".", inTests: "internal/servertest"},
			{pkg: "internal/rewrite", ours: ".", inTests: "internal/servertest"},
			{pkg: "internal/admin", ours: ". internal/observe", inTests: "internal/servertest"},
			// What shows a running server speaks in the control interface's messages.
			{pkg: "internal/dashboard", ours: ".", inTests: "internal/admin internal/servertest"},
			{pkg: "internal/metrics", ours: ". internal/admin internal/observe", inTests: "internal/servertest"},
			{pkg: "internal/otlp", ours: "internal/observe", inTests: "internal/servertest"},
			{pkg: "internal/top", ours: "internal/admin", inTests: "internal/servertest"},
			// What every handler is tested with is for tests alone.
			{pkg: "internal/servertest", ours: "."},
			// Level 3 makes a server of a configuration.
			{pkg: "internal/app", ours: ". internal/admin internal/compress internal/config internal/dashboard internal/forward internal/gateway internal/metrics internal/observe internal/otlp internal/policy internal/rewrite internal/static internal/top", inTests: "internal/servertest"},
			// Level 4 is the command.
			{pkg: "cmd/highball", ours: "internal/app"},
			// Examples are what anybody could write.
			{pkg: "examples/echo", ours: "."},
			{pkg: "examples/factory", ours: "."},
		},
		// Packages that only some may use, in code that is not a test. A path covers what lies below it.
		reserved: []reservation{
			{"net/http", ". internal/admin internal/otlp internal/static internal/servertest", "a second HTTP server beside ours: the adapters need its types, package static its constants and dates, and packages admin and otlp are clients"},
			{"github.com/pelletier/go-toml", "internal/config", "configuration is read in one place"},
			{"github.com/spf13", "cmd/highball", "the command line is read in one place"},
			{"github.com/lmittmann/tint", "internal/app", "everybody else logs to the logger that is handed down"},
			{"golang.org/x/sys", ". internal/app internal/gateway internal/loop internal/static", "system calls stay behind the packages that are about them"},
			{"github.com/fsnotify/fsnotify", "internal/app internal/gateway", "files are watched for applications, and for a configuration, that are reloaded"},
			{"github.com/klauspost/compress", "internal/compress", "bodies are encoded in one place"},
			{"github.com/andybalholm/brotli", "internal/compress", "bodies are encoded in one place"},
			{"golang.org/x/crypto", "internal/policy", "passwords are checked in one place"},
			{"github.com/tg123/go-htpasswd", "internal/policy", "passwords are checked in one place"},
			{"github.com/DeRuina/timberjack", "internal/observe", "log files are rotated in one place"},
			{"github.com/prometheus", "internal/metrics", "metrics are exposed in one place"},
			{"go.opentelemetry.io", "internal/otlp", "spans are exported in one place"},
			{"google.golang.org/protobuf", "internal/otlp", "spans are exported in one place"},
			{"charm.land/bubbletea", "internal/top", "the terminal is drawn on in one place"},
			{"github.com/charmbracelet", "internal/top", "the terminal is drawn on in one place"},
			{"github.com/chromedp", "", "it is for tests"},
			{"github.com/coreos/go-systemd", "internal/app", "the service manager is spoken to in one place"},
			{"unsafe", ". internal/loop", "bytes that alias a buffer, and raw system calls, each with its benchmark"},
			{"C", "", "the binary is built without a C compiler"},
			{"github.com/google/go-cmp", "internal/servertest", "it is for tests"},
			{"github.com/rogpeppe/go-internal", "", "it is for tests"},
			{"go.uber.org/goleak", "internal/servertest", "it is for tests"},
			{"pgregory.net/rapid", "internal/servertest", "it is for tests"},
			{"testing", "internal/servertest", "it is for tests"},
		},
		// Packages that a package never uses, in code that is not a test.
		banned: []ban{
			{"internal/h1", "net os time sync context", "the codec is bytes in, events out: no socket, no clock, no goroutine"},
			{"internal/loop", "net/http", "it moves bytes and knows no protocol"},
			{"internal/route", "net/http os time sync context", "a tree of patterns is a value"},
			{"internal/config", "net/http log/slog", "it turns text into a tree, and whoever called it tells the user"},
		},
		// No file is longer than this, but for tests and for tables.
		lines:  600,
		tables: "internal/h1/chunksteps.go internal/static/media.go",
	}
}

func TestHouse(t *testing.T) {
	rules := housePolicy()
	for _, fault := range rules.check(t, os.DirFS(".")) {
		t.Error(fault)
	}
}

// Every rule is shown to hold by a small house that breaks it.
func TestHouseRules(t *testing.T) {
	rules := policy{
		module: "small",
		packages: []row{
			{pkg: "internal/codec"},
			{pkg: ".", ours: "internal/codec", inTests: "internal/config"},
			{pkg: "internal/files", ours: "."},
			{pkg: "internal/gateway", ours: "."},
		},
		reserved: []reservation{{"net/http", ". internal/files", "REASON"}, {"github.com/some/toml", "", "REASON"}},
		banned:   []ban{{"internal/codec", "net os sync", "REASON"}},
		lines:    10,
		tables:   "internal/files/table.go",
	}
	const root, codec, files, gateway = "root.go", "internal/codec/a.go", "internal/files/a.go", "internal/gateway/a.go"
	sound := map[string]string{
		root:    "// Package small is the API.\npackage small\nimport _ \"small/internal/codec\"\n",
		codec:   "// Package codec knows no socket.\npackage codec\nimport _ \"strings\"\n",
		files:   "// Package files is a handler.\npackage files\nimport _ \"small\"\n",
		gateway: "// Package gateway is another.\npackage gateway\nimport _ \"small\"\n",
	}
	tests := []struct {
		name, file, text string
		want             string // a part of the only fault, or "" for none
	}{
		{name: "sound"},
		{"downward import", codec, "// Package codec\npackage codec\nimport _ \"small\"\n", "internal/codec/a.go:3:10: internal/codec must not import ."},
		{"handlers import each other", files, "// Package files\npackage files\nimport _ \"small/internal/gateway\"\n", "internal/files must not import internal/gateway"},
		{"on another system", "a_windows.go", "package small\nimport _ \"small/internal/files\"\n", ". must not import internal/files"},
		{"behind a build tag", "b.go", "//go:build ignore\n\npackage small\nimport _ \"small/internal/files\"\n", ". must not import internal/files"},
		{"in a test", "a_test.go", "package small_test\nimport _ \"small/internal/files\"\n", ". must not import internal/files"},
		{"granted to tests", "a_test.go", "package small_test\nimport _ \"small/internal/config\"\n", ""},
		{"granted to tests alone", "b.go", "package small\nimport _ \"small/internal/config\"\n", ". must not import internal/config"},
		{"a test imports its own package", "a_test.go", "package small_test\nimport _ \"small\"\n", ""},
		{"unknown package", "internal/manager/a.go", "// Package manager\npackage manager\n", "internal/manager has no row"},
		{"banned", codec, "// Package codec\npackage codec\nimport _ \"os\"\n", `internal/codec must not import "os": REASON`},
		{"banned with what lies below", codec, "// Package codec\npackage codec\nimport _ \"net/netip\"\n", `must not import "net/netip"`},
		{"banned, but in a test", "internal/codec/a_test.go", "package codec\nimport _ \"os\"\n", ""},
		{"reserved", gateway, "// Package gateway\npackage gateway\nimport _ \"net/http\"\n", `internal/gateway must not import "net/http": REASON`},
		{"reserved with what lies below", gateway, "// Package gateway\npackage gateway\nimport _ \"net/http/httputil\"\n", `must not import "net/http/httputil"`},
		{"reserved for it", files, "// Package files\npackage files\nimport _ \"net/http\"\n", ""},
		{"external module that nobody was granted", root, "// Package small\npackage small\nimport _ \"example.org/x\"\n", `no rule says who may import "example.org/x"`},
		{"external module in another major version", root, "// Package small\npackage small\nimport _ \"github.com/some/toml/v2\"\n", `must not import "github.com/some/toml/v2"`},
		{"init function", "b.go", "package small\nfunc init() {}\n", "b.go:2:1: init function"},
		{"init method", "b.go", "package small\ntype t int\nfunc (t) init() {}\n", ""},
		{"init function in a test", "b_test.go", "package small\nfunc init() {}\n", "b_test.go:2:1: init function"},
		{"long file", "b.go", "package small\n" + strings.Repeat("\n", 10), "b.go: 11 lines"},
		{"long table", "internal/files/table.go", "package files\n" + strings.Repeat("\n", 10), ""},
		{"long test", "b_test.go", "package small\n" + strings.Repeat("\n", 10), ""},
		{"no package comment", gateway, "package gateway\n", "internal/gateway: no package comment"},
		{"a licence is no package comment", gateway, "// Copyright\n\npackage gateway\n", "internal/gateway: no package comment"},
		{"not Go", "b.go", "package\n", "b.go:"},
		{"test data", "internal/codec/testdata/b.go", "package\n", ""},
		{"another module", "tools/b.go", "package\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := fstest.MapFS{"tools/go.mod": {}}
			for name, text := range sound {
				tree[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if test.file != "" {
				tree[test.file] = &fstest.MapFile{Data: []byte(test.text)}
			}
			faults := rules.check(t, tree)
			switch {
			case test.want == "" && len(faults) > 0:
				t.Errorf("found in a sound house: %q", faults)
			case test.want != "" && len(faults) != 1:
				t.Errorf("got the faults %q, want one with %q", faults, test.want)
			case test.want != "" && !strings.Contains(faults[0], test.want):
				t.Errorf("got %q, want %q", faults[0], test.want)
			}
		})
	}
}

// A row for a package that is gone would grant its name to whatever comes next.
func TestHouseRowsAreInUse(t *testing.T) {
	rules := policy{module: "small", packages: []row{{pkg: "."}, {pkg: "internal/gone"}}, lines: 10}
	tree := fstest.MapFS{"a.go": {Data: []byte("// Package small\npackage small\n")}}
	faults := rules.check(t, tree)
	if len(faults) != 1 || !strings.Contains(faults[0], "internal/gone") {
		t.Errorf("got %q, want one fault about internal/gone", faults)
	}
}
