package dashboard_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "a folder for pictures of all panels, to be looked at")

// Nothing sticks out of the page at any width, in either theme.
func TestFits(t *testing.T) {
	f := newFake(t, 4242, "", "", 200*time.Millisecond)
	f.advance(1)
	for _, size := range [][2]int64{{360, 800}, {1280, 900}, {1920, 1080}} {
		for _, theme := range []string{"light", "dark"} {
			if theme == "dark" && size[0] != 1280 && *pictures == "" {
				continue // nothing is of another size in the dark
			}
			t.Run(fmt.Sprintf("%d %s", size[0], theme), func(t *testing.T) {
				b := openTab(t, size[0], size[1], "")
				call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}})
				b.do(chromedp.Navigate("http://" + f.addr + "/"))
				b.until("document.querySelector('#f-rate').textContent.endsWith('/s') && document.querySelector('#t-slowest tbody tr')")
				for _, panel := range []string{"overview", "flight", "workers", "routes", "clients", "log", "recorder", "config"} {
					b.panel(panel)
					b.until(fmt.Sprintf("document.querySelector('#%s tbody tr, #%[1]s pre span')", panel))
					if wide := js[int64](b, "document.documentElement.scrollWidth"); wide > size[0] {
						t.Errorf("%s is %d wide", panel, wide)
					}
					b.picture(fmt.Sprintf("%s-%d-%s", panel, size[0], theme))
				}
				b.panel("flight")
				b.click("#t-flight tbody tr td.mono")
				b.until("document.querySelector('#stack-line').textContent.includes('checkout')")
				b.picture(fmt.Sprintf("stack-%d-%s", size[0], theme))
				b.click("#stack-dialog [data-close]")
				b.panel("recorder")
				b.click("#t-recent tbody td.mono")
				b.until("document.querySelector('#exchange-dialog').open")
				b.picture(fmt.Sprintf("exchange-%d-%s", size[0], theme))
			})
		}
	}
}

func (b *tab) picture(name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	time.Sleep(300 * time.Millisecond) // for whatever is drawn last
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
