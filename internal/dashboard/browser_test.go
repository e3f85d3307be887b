package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"go.uber.org/goleak"
)

// patience bounds every wait; it is reached only when something is broken.
const patience = 12 * time.Second

// inCI is set where a browser must be there.
const inCI = "HIGHBALL_CI"

// browser is the one that all tests share.
type browser struct {
	start sync.Once
	ctx   context.Context
	err   error
	end   func()
}

var shared browser

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.end != nil {
		shared.end()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func (b *browser) launch() {
	var program string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if program, b.err = exec.LookPath(name); b.err == nil {
			break
		}
	}
	if b.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.CombinedOutput(io.Discard),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("force-prefers-reduced-motion", true))
	allocator, release := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	b.ctx, b.end = ctx, func() { cancel(); release() }
	b.err = chromedp.Do(ctx)
}

// tab is a page of its own, with its own storage.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex // guards the following fields
	faults []string
}

// openTab opens an address; "" leaves that to the test. The test fails if the page says something went wrong, or asks anybody but a loopback address for anything.
func openTab(t *testing.T, width, height int64, url string) *tab {
	t.Helper()
	shared.start.Do(shared.launch)
	if shared.err != nil {
		if os.Getenv(inCI) != "" {
			t.Fatalf("no browser: %v", shared.err)
		}
		t.Skipf("the dashboard is not driven, since there is no Chromium: %v", shared.err)
	}
	ctx, cancel := chromedp.NewContext(shared.ctx, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			b.fault("exception: " + e.ExceptionDetails.Exception.Description)
		case *runtime.EventConsoleAPICalled:
			if e.Type == "error" || e.Type == "warning" {
				b.fault(fmt.Sprintf("console: %s", e.Args[0].Value))
			}
		case *log.EventEntryAdded:
			if e.Entry.Source != "network" && e.Entry.Level == "error" {
				b.fault("log: " + e.Entry.Text)
			}
		case *network.EventRequestWillBeSent:
			if u := e.Request.URL; !strings.HasPrefix(u, "http://127.0.0.1:") {
				b.fault("asks for " + u)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.mu.Lock()
		for _, f := range b.faults {
			t.Error(f)
		}
		b.mu.Unlock()
		cancel()
	})
	call(b, network.Enable, network.EnableParams{})
	call(b, log.Enable, cdp.Empty{})
	b.do(chromedp.EmulateViewport(width, height))
	if url != "" {
		b.do(chromedp.Navigate(url))
	}
	return b
}

func (b *tab) fault(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, text)
}

// do runs actions within the test's patience.
func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// call has the browser carry out a command of its protocol.
func call[P, R any](b *tab, command cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		b.t.Fatal(err)
	}
	return result
}

// js evaluates an expression, which may be a promise.
func js[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	// What is not there yet is not true.
	for begun := time.Now(); !js[bool](b, "(() => { try { return Boolean("+expression+"); } catch { return false; } })()"); {
		if time.Since(begun) > patience {
			b.t.Fatalf("in vain: %s\nthe page has:\n%s", expression, js[string](b, "document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond) // there is nothing in the browser to be told by
	}
}

// text returns the text of the first element of a selector.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return js[string](b, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// click clicks in the middle of the first element of a selector, as a person would: it must be there to be seen.
func (b *tab) click(selector string) {
	b.t.Helper()
	// What moves as values change is there in a moment.
	place := fmt.Sprintf(`(() => {
		const element = document.querySelector(%q);
		if (!element) return [];
		element.scrollIntoView({ block: "nearest", inline: "nearest" });
		const { left, top, width, height } = element.getBoundingClientRect(), x = left + width / 2, y = top + height / 2;
		return element.contains(document.elementFromPoint(x, y)) ? [x, y] : [];
	})()`, selector)
	b.until(place + ".length === 2")
	at := js[[]float64](b, place)
	if len(at) == 0 {
		b.t.Fatalf("%s cannot be clicked", selector)
	}
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// keys presses keys.
func (b *tab) keys(keys string, modifiers ...chromedp.Modifier) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, chromedp.KeyModifiers(modifiers...)))
}

// panel opens a panel by its tab.
func (b *tab) panel(name string) {
	b.t.Helper()
	b.click("#tab-" + name)
	b.until("!document.getElementById('" + name + "').hidden")
}
