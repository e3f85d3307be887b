//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// slowShop is an application in which one request never ends.
const slowShop = `import time


def application(environ, start_response):
    if environ["PATH_INFO"].endswith("/report"):
        time.sleep(600)  # line 6
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]
`

// The dashboard of the program, in a browser: its values move with the load, it shows where a request is stuck, and comes back after a restart.
func TestDashboard(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3")
	}
	page := openBrowser(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "highball")
	if err := copyProgram(program); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.py", slowShop)
	const configuration = "listen = [\"127.0.0.1:0\"]\n\n[log]\naccess = \"off\"\n\n[admin]\nlisten = %q\nsocket = \"off\"\ntoken = \"0123456789abcdef0123456789abcdef\"\n\n" +
		"[app.shop]\nwsgi = \"shop:application\"\nworkers = 2\n\n[[site]]\n  [[site.route]]\n  path = \"/api/\"\n  app = \"shop\"\n"
	start := func(admin string) (s *server, site, dashboard string) {
		t.Helper()
		write("highball.toml", fmt.Sprintf(configuration, admin))
		c := exec.Command(program, "run", "highball.toml", "--dashboard=print")
		c.Dir = dir
		s, site = launch(c)
		t.Cleanup(s.kill)
		found := s.stderr.find(regexp.MustCompile(`the dashboard is at (\S+)`), s.exited)
		if site == "" || found == nil {
			t.Fatalf("it does not start:\n%s", s.stderr.String())
		}
		return s, site, found[1]
	}

	s, site, dashboard := start("127.0.0.1:0")
	stop := load(t, site+"/api/items")
	page.do(chromedp.Navigate(dashboard))
	page.until(`parseFloat(document.querySelector("#f-rate").textContent) > 0`)
	before := page.text("#f-rate")
	page.until(fmt.Sprintf(`document.querySelector("#f-rate").textContent !== %q`, before))
	page.until(`document.querySelector("#t-slowest").textContent.includes("/api/")`)

	stuck := load(t, site+"/api/report")
	page.until(`document.querySelector("#t-longest").textContent.includes("/api/report")`)
	page.do(chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll("#t-longest tbody tr")].find(r => r.textContent.includes("/api/report")).click()`))
	page.until(`/shop\.py:6 in application/.test(document.querySelector("#stack-line").textContent)`)
	page.until(`document.querySelector("#stack-text").textContent.includes("shop.py")`)
	page.do(chromedp.Click(chromedp.CSS("#stack-dialog [data-close]")))

	stop()
	s.kill()
	stuck()
	page.until(`document.querySelector("#link-text").textContent.startsWith("Not connected")`)
	where := regexp.MustCompile(`//([^/]+)/`).FindStringSubmatch(dashboard)[1]
	s, site, _ = start(where)
	defer load(t, site+"/api/items")()
	page.until(fmt.Sprintf(`document.querySelector("#link-text").textContent === "Live" && document.querySelector("#server").textContent.includes("PID %d")`, s.cmd.Process.Pid))
	page.until(`document.querySelector("#notices").textContent.includes("started anew")`)
	page.until(`parseFloat(document.querySelector("#f-rate").textContent) > 0 && !document.body.classList.contains("stale")`)
}

// load asks for a URL again and again, until it is stopped.
func load(t *testing.T, url string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	done.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		client := &http.Client{Transport: &http.Transport{}}
		defer client.CloseIdleConnections()
		for {
			select {
			case <-pace.C:
			case <-ctx.Done():
				return
			}
			r, err := http.NewRequestWithContext(ctx, "GET", url, nil)
			if err != nil {
				return
			}
			if res, err := client.Do(r); err == nil {
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		}
	})
	return sync.OnceFunc(func() { cancel(); done.Wait() })
}

// webPage is a page in a browser.
type webPage struct {
	t   *testing.T
	ctx context.Context
}

// openBrowser opens one without an address, or skips the test where there is no browser; HIGHBALL_CI says that there must be one.
func openBrowser(t *testing.T) webPage {
	t.Helper()
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" && os.Getenv("HIGHBALL_CI") != "" {
		t.Fatal("there is no Chromium")
	} else if program == "" {
		t.Skip("the dashboard is not driven, since there is no Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.CombinedOutput(io.Discard))
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(func() { cancel(); release() })
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)); err != nil {
		t.Fatal(err)
	}
	return webPage{t, ctx}
}

func (p webPage) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

func (p webPage) text(selector string) string {
	p.t.Helper()
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).textContent", selector)))
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(text)
}

// until waits until an expression is true. What is not there yet is not true.
func (p webPage) until(expression string) {
	p.t.Helper()
	for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) { // there is nothing in the browser to be told by
		is, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool]("(() => { try { return Boolean("+expression+"); } catch { return false; } })()"))
		if err != nil {
			p.t.Fatal(err)
		}
		if is {
			return
		}
		if time.Since(begun) > patience {
			p.t.Fatalf("in vain: %s\nthe page has:\n%s", expression, p.text("body"))
		}
	}
}
