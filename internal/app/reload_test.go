package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball/internal/admin"
	"highball/internal/servertest"
)

// configured is a server of a highball.toml in a folder of its own, which is the current one.
type configured struct {
	*live
	t *testing.T
}

const (
	freePort = "listen = [\"127.0.0.1:0\"]\n"
	saysOne  = "[[site]]\n[[site.route]]\npath = \"/\"\nrespond = \"one\"\n"
	saysTwo  = "[[site]]\n[[site.route]]\npath = \"/\"\nrespond = \"two\"\n"
)

// serveText runs a server of the given configuration, which has to begin with freePort.
func serveText(t *testing.T, text string) configured {
	t.Helper()
	t.Chdir(t.TempDir())
	return serveHere(t, text)
}

// serveHere is serveText in the current folder.
func serveHere(t *testing.T, text string) configured {
	t.Helper()
	write(t, FileName, text)
	order := Order{Task: RunConfiguration}
	c, subject, _, err := order.Configuration(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := run(t, c, func(a *App) {
		a.source = sourceOf(order, subject)
		if err := a.Start(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	})
	return configured{l, t}
}

// becomes writes another configuration and reloads.
func (s configured) becomes(text string) {
	s.t.Helper()
	write(s.t, FileName, text)
	if notices, err := s.Reload(s.t.Context(), ReloadConfiguration); err != nil || len(notices) > 0 {
		s.t.Fatalf("notices %q, error %v", notices, err)
	}
}

// refuses writes another configuration, which the server does not take, and returns the error.
func (s configured) refuses(text string) error {
	s.t.Helper()
	write(s.t, FileName, text)
	_, err := s.Reload(s.t.Context(), ReloadConfiguration)
	if err == nil {
		s.t.Fatalf("the server takes\n%s", text)
	}
	return err
}

// get returns what a request over a connection of its own is answered.
func (s configured) get(addr, path string) string {
	s.t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	text, err := try(c, path)
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

// try sends one request and returns the body of its answer.
func try(c net.Conn, path string) (string, error) {
	if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestReloadGoesOver(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	kept := s.dial(t)
	kept.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, body := kept.answer("GET"); body != "one" {
		t.Errorf("before: %q", body)
	}
	s.becomes(freePort + saysTwo)
	kept.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, body := kept.answer("GET"); body != "two" {
		t.Errorf("afterwards, on the connection from before: %q", body)
	}
	if got := s.get(s.addr, "/"); got != "two" {
		t.Errorf("afterwards: %q", got)
	}
}

// SIGHUP does it too, and says so.
func TestReloadOnHangup(t *testing.T) {
	if !isHangup(hangup) {
		t.Skip("this system has no such signal")
	}
	s := serveText(t, freePort+saysOne)
	write(t, FileName, freePort+saysTwo)
	s.signals <- hangup
	servertest.Eventually(t, "the new answer", func() bool { return s.get(s.addr, "/") == "two" })
	servertest.Eventually(t, "a record", func() bool { return strings.Contains(s.stderr.String(), "msg=reloaded") })
}

// Whatever is wrong with a configuration, the one in force goes on, and nothing of the other is left.
func TestReloadRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	write(t, "file", "")
	write(t, "broken.py", "1 / 0\n")
	const app = "[app.shop]\nwsgi = \"broken\"\npython = \"./python3\"\n[[site]]\n[[site.route]]\npath = \"/\"\napp = \"shop\"\n"
	tests := map[string]struct{ text, want string }{
		"no TOML":                   {"listen = [", "highball.toml:1:"},
		"an unknown key":            {freePort + "lissten = 1\n" + saysTwo, "highball.toml:2:1: unknown key"},
		"a value of another type":   {freePort + "[timeouts]\nidle = true\n" + saysTwo, "highball.toml:3:"},
		"no site":                   {freePort, "there is no [[site]]"},
		"a folder that is not":      {freePort + "[[site]]\nroot = \"gone\"\n", "highball.toml:3:"},
		"a route to nothing":        {freePort + "[[site]]\n[[site.route]]\npath = \"/\"\napp = \"shop\"\n", "shop"},
		"a port that is taken":      {"listen = [\"127.0.0.1:0\", \"" + taken.Addr().String() + "\"]\n" + saysTwo, "highball.toml:1:26: listen " + taken.Addr().String()},
		"a socket that cannot be":   {"listen = [\"127.0.0.1:0\", \"unix:gone/s\"]\n" + saysTwo, "gone/s"},
		"a log that cannot be":      {freePort + "log.access_file = \"gone/access.log\"\n" + saysTwo, "access.log"},
		"an interpreter that is no": {freePort + strings.Replace(app, "python3", "file", 1), "not executable"},
		"variables that are gone":   {freePort + strings.Replace(app, "\n", "\nenv_file = \"gone.env\"\n", 1), "gone.env"},
	}
	if linkPython(t) {
		tests["an application that does not load"] = struct{ text, want string }{freePort + app, "division by zero"}
		tests["a second one that does not"] = struct{ text, want string }{"listen = [\"127.0.0.1:0\", \"unix:s\"]\n" + app, "the application shop does not start"}
	}
	s := serveHere(t, freePort+saysOne)
	s.get(s.addr, "/")
	before := descriptors(t)
	for name, test := range tests {
		err := s.refuses(test.text)
		if text := strings.Join(faultLines(err), "\n"); !strings.Contains(text, test.want) {
			t.Errorf("%s: error %q, want %q in it", name, text, test.want)
		}
		if got := s.get(s.addr, "/"); got != "one" {
			t.Errorf("%s: then the answer is %q", name, got)
		}
		status, _ := s.status(t.Context())
		if status.Reloads != 0 || status.LastReload == nil || len(status.LastReload.Errors) == 0 || len(status.Listeners) != 1 {
			t.Errorf("%s: status %+v", name, status)
		}
	}
	servertest.Eventually(t, "as many descriptors as before", func() bool { return descriptors(t) <= before })
	if _, err := os.Stat("s"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket is left: %v", err)
	}
}

// descriptors returns how many are open, 0 where that cannot be known.
func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

// All that is wrong is told at once.
func TestReloadTellsAll(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	err := s.refuses(freePort + "a = 1\nb = 2\n" + saysTwo)
	if lines := faultLines(err); len(lines) != 2 || !strings.HasPrefix(lines[0], "highball.toml:2:1: ") || !strings.HasPrefix(lines[1], "highball.toml:3:1: ") {
		t.Errorf("%q", lines)
	}
}

func TestReloadChangesAddresses(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	const both = "listen = [\"127.0.0.1:0\", \"unix:s\"]\n"
	s.becomes(both + saysOne)
	c, err := net.Dial("unix", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := try(c, "/"); got != "one" {
		t.Errorf("at the new address: %q, error %v", got, err)
	}
	s.becomes(freePort + saysTwo)
	if c, err := net.Dial("unix", "s"); err == nil {
		_ = c.Close()
		t.Error("the old address is still there")
	}
	if got := s.get(s.addr, "/"); got != "two" {
		t.Errorf("at the address that stays: %q", got)
	}
	s.becomes("listen = [\"127.0.0.1:0\", { unix = \"m\", mode = \"0600\" }]\n" + saysOne)
	if info, err := os.Stat("m"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, error %v", info, err)
	}
	s.becomes("listen = [\"127.0.0.1:0\", { unix = \"m\", mode = \"0660\" }]\n" + saysOne)
	if info, err := os.Stat("m"); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("another mode: %v, error %v", info, err)
	}
}

func TestReloadChangesTheAccessLog(t *testing.T) {
	s := serveText(t, freePort+"log.access_file = \"a.log\"\n"+saysOne)
	s.get(s.addr, "/first")
	servertest.Eventually(t, "the first line", func() bool { return strings.Contains(contents(t, "a.log"), "/first") })
	s.becomes(freePort + "log.access_file = \"b.log\"\n" + saysOne)
	s.get(s.addr, "/second")
	servertest.Eventually(t, "the second line", func() bool { return strings.Contains(contents(t, "b.log"), "/second") })
	s.becomes(freePort + saysOne)
	s.get(s.addr, "/third")
	servertest.Eventually(t, "the third line", func() bool { return strings.Contains(s.stdout.String(), "/third") })
	if all := contents(t, "a.log") + contents(t, "b.log"); strings.Count(all, "\n") != 2 {
		t.Errorf("the files hold\n%s", all)
	}
}

func contents(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What cannot change while the server runs is told.
func TestReloadNotices(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	write(t, FileName, freePort+"admin.socket = \"s\"\n"+saysTwo)
	notices, err := s.Reload(t.Context(), ReloadConfiguration)
	if err != nil || len(notices) != 1 || !strings.Contains(notices[0], "[admin]") {
		t.Errorf("notices %q, error %v", notices, err)
	}
	if got := s.get(s.addr, "/"); got != "two" {
		t.Errorf("the answer is %q", got)
	}
}

// A request that has begun under one configuration ends under it, while others begin under the next.
func TestReloadFinishesWhatHasBegun(t *testing.T) {
	s := serveText(t, freePort+"[[site]]\nroot = \".\"\nupload = true\n")
	held := s.hold(t)
	s.becomes(freePort + saysTwo)
	if got := s.get(s.addr, "/"); got != "two" {
		t.Errorf("meanwhile: %q", got)
	}
	held.send("done")
	if res, _ := held.answer("PUT"); res.StatusCode != 201 {
		t.Errorf("in the end: %s", res.Status)
	}
	if got := contents(t, "held"); got != "done" {
		t.Errorf("stored: %q", got)
	}
	servertest.Eventually(t, "the end of the former configuration", func() bool { return len(s.all()) == 1 })
}

// all returns the generations that are not done away with.
func (a *App) all() []*generation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.generations)
}

// The end of the server does not wait for a configuration that is out of use longer than for its own requests.
func TestEndWithFormerConfiguration(t *testing.T) {
	t.Chdir(t.TempDir())
	s := serveHere(t, freePort+"[[site]]\nroot = \".\"\nupload = true\n")
	held := s.hold(t)
	s.becomes(freePort + saysTwo)
	s.stops <- stopOrder{20 * time.Millisecond}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	if _, err := http.ReadResponse(held.reader, nil); err == nil {
		t.Error("the held request was answered")
	}
}

// Folders that are the same before and after keep what they have in memory.
func TestReloadKeepsFolders(t *testing.T) {
	s := serveText(t, freePort+"[[site]]\nroot = \".\"\n")
	before := s.front.current.Load().sites.folders[0]
	s.becomes(freePort + "[timeouts]\nidle = \"5s\"\n[[site]]\nroot = \".\"\n")
	if after := s.front.current.Load().sites.folders[0]; after != before {
		t.Error("the folder was opened anew")
	}
	s.becomes(freePort + "[[site]]\nroot = \".\"\nlisting = true\n")
	if after := s.front.current.Load().sites.folders[0]; after == before {
		t.Error("the folder is as it was, though its listing differs")
	}
}

// Twenty reloads under load, and no request that is not answered as one configuration or the other has it.
func TestReloadUnderLoad(t *testing.T) {
	const reloads, clients = 20, 8
	s := serveText(t, freePort+saysOne)
	ctx, cancel := context.WithCancel(t.Context())
	var answered, failed atomic.Int64
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			for ctx.Err() == nil {
				if err := persist(s.addr, i%2 == 0, func() bool { return ctx.Err() == nil }, &answered); err != nil {
					failed.Add(1)
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range reloads {
		seen := answered.Load()
		s.becomes(freePort + fmt.Sprintf("[timeouts]\nidle = \"%ds\"\n", 10+i) + []string{saysOne, saysTwo}[i%2])
		servertest.Eventually(t, "answers after a reload", func() bool { return failed.Load() > 0 || answered.Load() >= seen+2*clients })
	}
	cancel()
	all.Wait()
	servertest.Eventually(t, "one configuration alone", func() bool { return len(s.all()) == 1 })
	if status, _ := s.status(t.Context()); status.Reloads != reloads {
		t.Errorf("%d reloads, want %d", status.Reloads, reloads)
	}
}

// persist sends requests over one connection as long as more says so, or one if it is not to be kept, and fails on any that is not answered as it
// should be.
func persist(addr string, keep bool, more func() bool, answered *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
			return err
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 200 || string(body) != "one" && string(body) != "two" {
			return fmt.Errorf("%s, %q, error %v", res.Status, body, err)
		}
		answered.Add(1)
		if !keep || !more() || res.Close {
			return nil
		}
	}
}

// Reloads that are asked for at the same time are served one after the other.
func TestReloadsAtTheSameTime(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	write(t, FileName, freePort+saysTwo)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := s.Reload(context.Background(), ReloadConfiguration); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if status, _ := s.status(t.Context()); status.Reloads != 8 {
		t.Errorf("%d reloads, want 8", status.Reloads)
	}
}

const shop = "[app.shop]\nwsgi = \"shop\"\npython = \"./python3\"\nworkers = 1\nenv_file = \"shop.env\"\n"
const shopSite = "[[site]]\n[[site.route]]\npath = \"/\"\napp = \"shop\"\n"

// serveShop runs a server of a Python application that says its process and a variable of its environment.
func serveShop(t *testing.T) configured {
	t.Helper()
	t.Chdir(t.TempDir())
	if !linkPython(t) {
		t.Skip("there is no python3")
	}
	write(t, "shop.env", "WHO=one\n")
	write(t, "shop.py", `import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [("%d %s" % (os.getpid(), os.environ["WHO"])).encode()]
`)
	return serveHere(t, freePort+shop+shopSite)
}

// linkPython makes an interpreter known in the current folder, if there is one.
func linkPython(t *testing.T) bool {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err == nil {
		err = os.Symlink(path, "python3")
	}
	return err == nil
}

// The workers of an application that is the same before and after go on, unless they are to be replaced; those of another one do not.
func TestReloadAndWorkers(t *testing.T) {
	s := serveShop(t)
	first := s.get(s.addr, "/")
	if !strings.HasSuffix(first, " one") {
		t.Fatalf("answer %q", first)
	}
	s.becomes(freePort + "[timeouts]\nidle = \"5s\"\n" + shop + shopSite)
	if got := s.get(s.addr, "/"); got != first {
		t.Errorf("with the same application: %q, before %q", got, first)
	}
	if _, err := s.Reload(t.Context(), ReloadWorkers); err != nil {
		t.Fatal(err)
	}
	second := s.get(s.addr, "/")
	if second == first {
		t.Errorf("with new workers: %q still", second)
	}
	write(t, "shop.env", "WHO=two\n")
	s.becomes(freePort + shop + shopSite)
	third := s.get(s.addr, "/")
	if !strings.HasSuffix(third, " two") {
		t.Errorf("with other variables: %q", third)
	}
	s.becomes(freePort + strings.Replace(shop, "workers = 1", "workers = 2", 1) + shopSite)
	if got := s.get(s.addr, "/"); got == third {
		t.Errorf("with another number of workers: %q still", got)
	}
	servertest.Eventually(t, "the end of the former workers", func() bool { return len(s.all()) == 1 })
	status, err := s.status(t.Context())
	if err != nil || len(status.Applications) != 1 || len(status.Applications[0].Workers) == 0 {
		t.Fatalf("status %+v, error %v", status, err)
	}
	if a := status.Applications[0]; a.Name != "shop" || a.Target != "shop:application" || !strings.HasPrefix(a.Python, "CPython 3.") || a.Workers[0].PID == 0 || a.Workers[0].State == "" {
		t.Errorf("%+v", a)
	}
	s.becomes(freePort + saysOne)
	if got := s.get(s.addr, "/"); got != "one" {
		t.Errorf("without the application: %q", got)
	}
	servertest.Eventually(t, "the end of all workers", func() bool { return len(s.all()) == 1 })
}

// An application whose workers cannot be replaced keeps those that it has, and whoever has asked for it is told why.
func TestReloadOfBrokenWorkers(t *testing.T) {
	s := serveShop(t)
	before := s.get(s.addr, "/")
	write(t, "shop.py", "1 / 0\n")
	_, err := s.reloadFor(t.Context(), admin.ReloadOrder{Workers: true})
	var refused *admin.Refused
	if !errors.As(err, &refused) || !strings.Contains(strings.Join(refused.Lines, "\n"), "division by zero") {
		t.Errorf("error %v", err)
	}
	if got := s.get(s.addr, "/"); got != before {
		t.Errorf("then the answer is %q, before %q", got, before)
	}
}

// A server without a file has nothing to read again.
func TestReloadWithoutFile(t *testing.T) {
	folder(t)
	l := run(t, uploads())
	before := l.front.current.Load()
	if _, err := l.Reload(t.Context(), ReloadConfiguration); err != nil {
		t.Error(err)
	}
	if l.front.current.Load() != before || !strings.Contains(l.stderr.String(), "there is no configuration file to read again") {
		t.Errorf("stderr: %s", l.stderr.String())
	}
}

func TestReloadAtTheEnd(t *testing.T) {
	s := serveText(t, freePort+saysOne)
	s.quit()
	if _, err := s.Reload(s.serving, ReloadConfiguration); !errors.Is(err, errEnding) {
		t.Errorf("error %v", err)
	}
}

func TestWatch(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "part.toml", saysOne)
	s := serveHere(t, freePort+"include = [\"part.toml\"]\n")
	stop := s.watch()
	defer stop()
	write(t, "part.toml", saysTwo)
	servertest.Eventually(t, "the change of an included file", func() bool { return s.get(s.addr, "/") == "two" })
	write(t, FileName, "listen = [")
	servertest.Eventually(t, "a record of the fault", func() bool { return strings.Contains(s.stderr.String(), "reload failed") })
	write(t, "next.toml", freePort+saysOne)
	if err := os.Rename("next.toml", FileName); err != nil { // as editors do
		t.Fatal(err)
	}
	servertest.Eventually(t, "the new file", func() bool { return s.get(s.addr, "/") == "one" })
	if dir, err := filepath.Abs("."); err != nil || !slices.Contains(filesOf(s.front.current.Load().config), filepath.Join(dir, FileName)) {
		t.Errorf("files %q in %s, error %v", filesOf(s.front.current.Load().config), dir, err)
	}
}
