package observe

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// goaccess returns the program of that name.
func goaccess(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("goaccess")
	if err != nil {
		if os.Getenv("HIGHBALL_CI") != "" {
			t.Fatal("goaccess is missing, of the package of that name")
		}
		t.Skip("goaccess is not installed")
	}
	return path
}

// jsonLogFormat returns the options by which, as the manual says, GoAccess reads JSON.
func jsonLogFormat(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`goaccess \S+ --log-format='([^']+)' --date-format='?([^ ']+)'? --time-format='?([^\s']+)'?`).FindSubmatch(text)
	if m == nil {
		t.Fatal("docs/logs.md has no command of goaccess for JSON")
	}
	return []string{"--log-format=" + string(m[1]), "--date-format=" + string(m[2]), "--time-format=" + string(m[3])}
}

// GoAccess understands every line of every format that it is told of.
func TestGoAccess(t *testing.T) {
	program := goaccess(t)
	records := []*Record{
		request(nil),
		request(func(r *Record) { r.Status, r.Bytes = 304, 0 }),
		request(func(r *Record) { r.Status, r.Referer, r.UserAgent = 404, "", "" }),
		request(func(r *Record) { r.Remote = netip.MustParseAddrPort("[2001:db8::7]:1") }),
		request(func(r *Record) { r.User, r.Minor = "ann", 0 }),
		request(func(r *Record) { r.Target = "/\"\\\xff <script>?token=t" }),
		request(func(r *Record) { r.UserAgent = "\" 200 1 \"\xc3\xa9" }),
		request(func(r *Record) { r.Status, r.Aborted = 500, true }),
		request(func(r *Record) { r.Method, r.Status = "POST", 201 }),
		request(func(r *Record) { r.Host, r.Route, r.Duration = "", nil, 0 }),
	}
	for _, test := range []struct {
		format  Format
		options []string
	}{
		{Common, []string{"--log-format=COMMON"}},
		{Combined, []string{"--log-format=COMBINED"}},
		{JSON, jsonLogFormat(t)},
	} {
		t.Run(test.format.String(), func(t *testing.T) {
			clock := Clock{Location: time.UTC}
			var lines []byte
			for _, r := range records {
				lines = test.format.append(lines, new(single).of(r), &clock, DefaultMasks())
			}
			dir := t.TempDir()
			log, report := filepath.Join(dir, "access.log"), filepath.Join(dir, "report.json")
			if err := os.WriteFile(log, lines, 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{log, "--no-global-config", "--no-progress", "--output=" + report}, test.options...)
			if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
				t.Fatalf("goaccess: %v\n%s\n%s", err, out, lines)
			}
			text, err := os.ReadFile(report)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				General struct {
					Total  int `json:"total_requests"`
					Valid  int `json:"valid_requests"`
					Failed int `json:"failed_requests"`
				}
			}
			if err := json.Unmarshal(bytes.ToValidUTF8(text, []byte("?")), &got); err != nil {
				t.Fatal(err)
			}
			if g := got.General; g.Total != len(records) || g.Valid != len(records) || g.Failed != 0 {
				t.Errorf("of %d lines %+v\n%s", len(records), g, lines)
			}
		})
	}
}
