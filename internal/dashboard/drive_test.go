package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/memory"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// visit opens the page of a server and waits until it is live.
func visit(t *testing.T, f *fake) *tab {
	t.Helper()
	b := openTab(t, 1280, 900, "http://"+f.addr+"/")
	b.until("document.querySelector('#link-text').textContent === 'Live'")
	return b
}

func TestValuesMove(t *testing.T) {
	f := newFake(t, 4242, "", "", 30*time.Millisecond)
	b := visit(t, f)
	for _, figure := range []string{"rate", "p50", "p99", "flight", "open", "sent"} {
		b.until(fmt.Sprintf("/[0-9]/.test(document.querySelector('#f-%s').textContent)", figure))
		before := b.text("#f-" + figure)
		b.until(fmt.Sprintf("document.querySelector('#f-%s').textContent !== %q", figure, before))
	}
	for _, chart := range []string{"rate", "errors", "phases", "heat", "percentiles"} {
		// A chart is drawn when its canvas has more than one colour between its axes.
		b.until(fmt.Sprintf(`(() => {
			const canvas = document.querySelector("#chart-%s canvas"), { width, height } = canvas;
			const d = canvas.getContext("2d").getImageData(width / 3, 0, width / 2, height).data, seen = new Set();
			for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]);
			return seen.size > 3;
		})()`, chart))
		if text := b.text("#chart-" + chart + " .sr"); !strings.ContainsAny(text, "0123456789") {
			t.Errorf("those who do not see the chart %s are told %q", chart, text)
		}
	}
	before := b.text("#chart-phases .legend")
	b.click("#phase-mode label:last-child")
	b.until(fmt.Sprintf("document.querySelector('#chart-phases .legend').textContent !== %q", before))
	b.panel("workers")
	b.until("document.querySelectorAll('#workers-list tbody tr').length === 4")
	if text := b.text("#workers-list"); !strings.Contains(text, "58.0 MiB") || !strings.Contains(text, "CPython 3.12.4") {
		t.Errorf("the workers are %q", text)
	}
	b.panel("routes")
	b.until("document.querySelector('#t-routes tbody td').textContent === '/api/'")
	b.click("#route-order label:nth-child(2)")
	b.until("document.querySelector('#t-routes tbody td').textContent.startsWith('/<img')")
	b.panel("clients")
	b.until("document.querySelector('#t-clients tbody td').textContent === '192.0.2.10'")
	b.panel("config")
	b.until("document.querySelector('#config-text').textContent.includes('wsgi = \"shop.wsgi:application\"')")
}

func TestZoom(t *testing.T) {
	f := newFake(t, 4242, "", "", 30*time.Millisecond)
	b := visit(t, f)
	b.until("document.querySelector('#f-rate').textContent !== '–'")
	at := js[[]float64](b, `(() => {
		const { left, top, width, height } = document.querySelector("#chart-percentiles .u-over").getBoundingClientRect();
		return [left + width / 4, left + width / 2, top + height / 2];
	})()`)
	b.do(chromedp.MouseEvent("mousePressed", at[0], at[2], chromedp.ButtonLeft), chromedp.MouseEvent("mouseMoved", at[1], at[2], chromedp.ButtonLeft))
	b.until("document.querySelector('#chart-percentiles .u-select').offsetWidth > 50")
	b.do(chromedp.MouseEvent("mouseReleased", at[1], at[2], chromedp.ButtonLeft))
	b.until("document.querySelector('#zoom').textContent.startsWith('From ')")
	b.click("#unzoom")
	b.until("!document.querySelector('#zoom').textContent.startsWith('From') && document.querySelector('#unzoom').hidden")
}

func TestStackOpensAndEndAsksFirst(t *testing.T) {
	f := newFake(t, 4242, "", "", 100*time.Millisecond)
	b := visit(t, f)
	b.panel("flight")
	b.until("document.querySelector('#t-flight tbody tr')")
	b.click("#t-flight tbody tr td.mono")
	b.until("document.querySelector('#stack-dialog').open && document.querySelector('#stack-line').textContent === 'shop/views.py:41 in checkout'")
	if text := b.text("#stack-text"); !strings.Contains(text, "time.sleep(60)") {
		t.Errorf("the stack is %q", text)
	}
	b.click("#stack-kill")
	b.until("document.querySelector('#kill-dialog').open")
	b.keys(kb.Enter) // on what has the focus: to leave it
	b.until("!document.querySelector('#kill-dialog').open")
	if f.notes() != "" {
		t.Fatalf("a request was ended that was to be left: %s", f.notes())
	}
	b.keys(kb.Escape)
	b.until("!document.querySelector('#stack-dialog').open")
	b.click("#t-flight tbody tr button.danger")
	b.until("document.querySelector('#kill-what').textContent.startsWith('POST shop.example/api/checkout')")
	b.click("#kill-yes")
	b.until("!document.querySelector('#t-flight').textContent.includes('/api/checkout') && document.querySelector('#notices').textContent.includes('Ended')")
	if f.notes() != "kill stuck" {
		t.Errorf("asked for: %s", f.notes())
	}
}

func TestLogIsFilteredAndPaused(t *testing.T) {
	f := newFake(t, 4242, "", "", 20*time.Millisecond)
	b := visit(t, f)
	b.panel("log")
	b.until("document.querySelectorAll('#t-log tbody tr').length > 5")
	b.do(chromedp.SetValue(chromedp.CSS("#log-filter [name=status]"), "5xx"), chromedp.SetValue(chromedp.CSS("#log-filter [name=path]"), "/api/c"),
		chromedp.SetValue(chromedp.CSS("#log-filter [name=method]"), "post"), chromedp.SetValue(chromedp.CSS("#log-filter [name=client]"), "10.0."))
	b.click("#log-filter [type=submit]")
	b.until("document.querySelectorAll('#t-log tbody tr').length > 2")
	if got, want := f.lastQuery(), "log=1&status=5xx&method=POST&path=%2Fapi%2Fc&client=10.0."; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
	b.until("[...document.querySelectorAll('#t-log tbody tr')].every(r => r.cells[1].textContent === '502' && r.cells[2].textContent === 'POST /api/checkout')")
	b.click("#log-pause")
	b.until("document.querySelector('#log-hint').textContent === 'Paused.'")
	before := js[int](b, "document.querySelectorAll('#t-log tbody tr').length")
	f.advance(300)
	at := js[string](b, "document.querySelector('#f-rate').textContent")
	b.panel("overview")
	b.until(fmt.Sprintf("document.querySelector('#f-rate').textContent !== %q", at)) // so it has been a while
	if after := js[int](b, "document.querySelectorAll('#t-log tbody tr').length"); after != before {
		t.Errorf("%d lines have become %d in a pause", before, after)
	}
	b.panel("log")
	b.click("#log-pause")
	b.until("document.querySelector('#log-hint').textContent === 'Following.'")
	js[bool](b, "(() => { document.querySelector('#log-filter').reset(); return true; })()")
	b.click("#log-filter [type=submit]")
	b.until("document.querySelectorAll('#t-log tbody tr').length > 0")
	f.advance(600)
	b.until("document.querySelectorAll('#t-log tbody tr').length === 500")
}

func TestReconnects(t *testing.T) {
	f := newFake(t, 4242, "", "", 50*time.Millisecond)
	b := visit(t, f)
	b.until("document.querySelector('#server').textContent.includes('PID 4242')")
	f.stop()
	b.until("document.querySelector('#link-text').textContent.startsWith('Not connected; trying again')")
	if !js[bool](b, "!document.querySelector('#retry').hidden && document.body.classList.contains('stale')") {
		t.Error("it cannot be seen that the values are of the past")
	}
	again := newFake(t, 4343, f.addr, "", 50*time.Millisecond)
	again.advance(2000)
	b.until("document.querySelector('#link-text').textContent === 'Live'")
	b.until("document.querySelector('#notices').textContent.includes('PID 4242 became 4343')")
	before := b.text("#f-rate")
	b.until(fmt.Sprintf("document.querySelector('#f-rate').textContent !== %q && !document.body.classList.contains('stale')", before))
}

func TestToken(t *testing.T) {
	f := newFake(t, 4242, "", "right", 100*time.Millisecond)
	b := openTab(t, 1280, 900, "http://"+f.addr+"/#token=wrong&workers")
	b.until("document.querySelector('#token-dialog').open")
	if where := js[string](b, "location.href"); strings.Contains(where, "wrong") {
		t.Errorf("the token stays in the address: %s", where)
	}
	b.until("document.querySelector('#token-text').textContent.includes('does not accept')")
	b.keys("right" + kb.Enter)
	b.until("document.querySelector('#link-text').textContent === 'Live' && !document.querySelector('#token-dialog').open")
	b.until("document.querySelectorAll('#workers-list tbody tr').length === 4")
	b.do(chromedp.Reload())
	b.until("document.querySelector('#link-text').textContent === 'Live' && document.querySelectorAll('#workers-list tbody tr').length === 4")
	if js[bool](b, "document.querySelector('#token-dialog').open") {
		t.Error("the token was not kept")
	}
}

// Whatever a client has chosen is text.
func TestHostileText(t *testing.T) {
	f := newFake(t, 4242, "", "", 30*time.Millisecond)
	f.advance(20)
	b := visit(t, f)
	js[bool](b, "(() => { globalThis.alert = () => { globalThis.hit = true; }; return true; })()")
	for _, panel := range []string{"overview", "flight", "routes", "log", "recorder", "config"} {
		b.panel(panel)
		b.until(fmt.Sprintf("document.querySelector('#%s').textContent.includes('/<img src=x onerror=alert(1)>')", panel))
	}
	b.click("#tab-recorder")
	b.click("#t-recent tbody button")
	b.until("document.querySelector('#exchange-dialog').open && document.querySelector('#exchange-parts').textContent.includes('onerror')")
	b.keys(kb.Escape)
	b.panel("flight")
	b.until("document.querySelectorAll('#t-flight tbody tr').length > 1")
	b.click("#t-flight tbody tr:nth-child(2) td.mono")
	b.until("document.querySelector('#stack-text').textContent.includes('<b>')")
	if n := js[int](b, "document.querySelectorAll('img, body script, pre b').length"); n > 0 {
		t.Errorf("%d elements were made of text", n)
	}
	if js[bool](b, "Boolean(globalThis.hit)") {
		t.Error("text was run")
	}
	if js[bool](b, "document.body.textContent.includes('\\u202e')") {
		t.Error("text turns the direction of writing")
	}
}

func TestRecorder(t *testing.T) {
	f := newFake(t, 4242, "", "", 0)
	b := visit(t, f)
	b.panel("recorder")
	b.until("document.querySelectorAll('#t-recent tbody tr').length === 3")
	b.click("#record")
	b.until("document.querySelector('#recent-hint').textContent.startsWith('Everything is kept until')")
	b.click("#t-recent tbody tr:nth-child(2) td.mono")
	b.until("document.querySelector('#exchange-dialog').open")
	for _, part := range []string{"time.sleep(60)", "Authorization: ***", "<h1>Gateway Timeout</h1>", "00 01 02 ff"} {
		if text := b.text("#exchange-parts"); !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
	b.click("#replay")
	b.until("document.querySelector('#replay-outcome').textContent.includes('not safe')")
	b.click("#replay-force")
	b.until("document.querySelector('#replay-outcome').textContent.startsWith('Answered 200, before it was 504')")
	b.keys(kb.Escape)
	b.until("!document.querySelector('#exchange-dialog').open")
	b.do(chromedp.SetValue(chromedp.CSS("#recent-filter [name=status]"), "418"))
	b.click("#recent-filter [type=submit]")
	b.until("document.querySelector('#t-recent').textContent.includes('Nothing that was recorded passes the filter.')")
	if got, want := f.notes(), "record; replay r2 false; replay r2 true"; got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

// All can be reached and done by keys, and what has the focus can be seen.
func TestKeyboard(t *testing.T) {
	f := newFake(t, 4242, "", "", 100*time.Millisecond)
	b := visit(t, f)
	focused := func(id string) {
		t.Helper()
		b.until(fmt.Sprintf("document.activeElement.id === %q", id))
		if !js[bool](b, "getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement.id === 'main'") {
			t.Errorf("the focus cannot be seen at %s", id)
		}
	}
	b.keys(kb.Tab)
	focused("skip")
	b.keys(kb.Tab)
	focused("theme")
	b.keys(kb.Enter)
	b.until("document.documentElement.dataset.theme === 'light'")
	b.keys(kb.Enter)
	b.until("document.documentElement.dataset.theme === 'dark' && getComputedStyle(document.body).backgroundColor === 'rgb(20, 23, 26)'")
	b.keys(kb.Tab)
	focused("tab-overview")
	b.keys(kb.End)
	focused("tab-config")
	b.keys(kb.ArrowRight + kb.ArrowRight)
	focused("tab-flight")
	b.keys(kb.Tab)
	focused("flight")
	b.keys(kb.Tab)
	focused("t-flight")
	b.until("document.querySelector('#t-flight tbody tr')")
	for range 20 { // the heads of columns to sort by come first
		b.keys(kb.Tab)
		if js[bool](b, "document.activeElement.textContent === 'Stack'") {
			break
		}
	}
	b.keys(kb.Enter)
	b.until("document.querySelector('#stack-dialog').open && document.querySelector('#stack-dialog').contains(document.activeElement)")
	for range 6 { // around in the dialog, and never behind it
		b.keys(kb.Tab)
		if !js[bool](b, "document.activeElement === document.body || document.querySelector('#stack-dialog').contains(document.activeElement)") {
			t.Fatalf("the focus has left the dialog for %s", js[string](b, "document.activeElement.outerHTML"))
		}
	}
	b.keys(kb.Escape)
	b.until("!document.querySelector('#stack-dialog').open && document.activeElement.textContent === 'Stack'")
}

// Everything that can be operated has a name, and every table and chart says what it is.
func TestLabels(t *testing.T) {
	f := newFake(t, 4242, "", "", 100*time.Millisecond)
	b := visit(t, f)
	for _, panel := range []string{"overview", "flight", "workers", "routes", "clients", "log", "recorder", "config"} {
		b.panel(panel)
		b.until(fmt.Sprintf("document.querySelector('#%s tbody tr, #%[1]s pre span')", panel))
		for _, fault := range js[[]string](b, `[...document.querySelectorAll("button, input, [role], table, dialog, canvas")].filter(e => {
			if (e.matches("table")) return !e.caption?.textContent;
			if (e.matches("canvas")) return !e.closest("[role=img][aria-labelledby][aria-describedby]");
			if (e.matches("[role=status]")) return false;
			const names = (e.getAttribute("aria-labelledby") ?? "").split(" ").map(id => document.getElementById(id)?.textContent).join("");
			return !(e.getAttribute("aria-label") || names || e.textContent.trim() || e.closest("label")?.textContent.trim());
		}).map(e => e.outerHTML.slice(0, 120))`) {
			t.Errorf("without a name in %s: %s", panel, fault)
		}
	}
}

// Where there is nothing, it is said.
func TestEmpty(t *testing.T) {
	f := newFake(t, 4242, "", "", 0)
	f.idle.Store(true)
	b := visit(t, f)
	for panel, words := range map[string]string{
		"overview": "No request is in flight.", "flight": "No request is in flight.", "workers": "No application runs here.", "routes": "There was no request lately.",
		"clients": "There was no request lately.", "log": "No request yet.", "recorder": "Nothing was recorded yet.", "config": "There is no configuration file",
	} {
		b.panel(panel)
		b.until(fmt.Sprintf("document.querySelector('#%s').innerText.includes(%q)", panel, words))
	}
}

// A day at one second each leaves no more behind than an hour does.
func TestMemoryIsBounded(t *testing.T) {
	f := newFake(t, 4242, "", "", 0)
	b := visit(t, f)
	b.panel("log") // whose stream goes on
	b.until("document.querySelector('#log-hint').textContent === 'Following.'")
	b.panel("overview")
	fed := int64(epoch)
	feed := func(seconds int64) (heap float64, nodes int64) {
		t.Helper()
		const step = 7200 // so that there is drawn in between
		for until := fed + seconds; fed < until; {
			n := min(step, until-fed)
			f.advance(n)
			fed += n
			shown := tickAt(fed - 1)
			b.until(fmt.Sprintf("document.querySelector('#f-open').textContent === '%d'", shown.Open))
		}
		b.panel("log")
		b.until(fmt.Sprintf(`(() => {
			const { rows } = document.querySelector("#t-log tbody");
			return rows.length === 500 && rows[0].cells[0].textContent === new Date(%d).toTimeString().slice(0, 8);
		})()`, (fed-1)*1000)) // the stream of the log is another one, and may be behind
		b.panel("overview")
		for range 3 {
			call(b, heapprofiler.CollectGarbage, cdp.Empty{})
		}
		return call(b, runtime.GetHeapUsage, cdp.Empty{}).UsedSize, call(b, memory.GetDOMCounters, cdp.Empty{}).Nodes
	}
	heap, nodes := feed(7200)
	after, nodesAfter := feed(86_400 - 7200)
	t.Logf("heap %.2f MiB, then %.2f MiB; %d nodes, then %d", heap/(1<<20), after/(1<<20), nodes, nodesAfter)
	if after > heap+1<<20 {
		t.Errorf("the heap has grown from %.0f to %.0f bytes", heap, after)
	}
	if nodesAfter > nodes+200 {
		t.Errorf("%d nodes have become %d", nodes, nodesAfter)
	}
}
