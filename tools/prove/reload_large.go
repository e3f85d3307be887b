package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	largeSites   = 1000
	largeRoutes  = 100 // of each site
	largeReloads = 5
	largeLimit   = time.Second
	largeWait    = 30 * time.Second
)

// largeText is what the nth configuration has at a page of the last site.
func largeText(n int) string { return fmt.Sprintf("page %d", n) }

// largeConfiguration returns sites with routes of several kinds.
func largeConfiguration(n int) string {
	var b strings.Builder
	b.WriteString("listen = [\"127.0.0.1:0\"]\n")
	for site := range largeSites {
		fmt.Fprintf(&b, "\n[[site]]\nhosts = [\"www%d.example.org\"]\n", site)
		for route := range largeRoutes {
			b.WriteString("\n  [[site.route]]\n")
			switch route % 4 {
			case 0:
				fmt.Fprintf(&b, "  path = \"/page%d\"\n  respond = %q\n", route, largeText(n))
			case 1:
				fmt.Fprintf(&b, "  path = \"/old/r%d/\"\n  redirect = \"/new/r%[1]d/\"\n", route)
			case 2:
				fmt.Fprintf(&b, "  path = \"/gone/r%d/\"\n  status = 410\n", route)
			default:
				fmt.Fprintf(&b, "  path = \"/api/r%d\"\n  methods = [\"POST\"]\n  respond = \"posted\"\n", route)
			}
		}
	}
	return b.String()
}

// showReloadLarge changes a large configuration, of which every site differs, and reloads it.
func showReloadLarge(ctx context.Context, p *proof) ([]claim, error) {
	host := fmt.Sprintf("www%d.example.org", largeSites-1)
	srv, err := p.startConfigured(ctx, map[string]string{"highball.toml": largeConfiguration(0)})
	if err != nil {
		return nil, err
	}
	defer srv.discard()
	if _, err := srv.awaitText(ctx, host, "/page0", largeText(0), largeWait); err != nil {
		return nil, err
	}
	visitor := asking(srv.server, 1, "/page0")
	visitor.pause = 5 * time.Millisecond
	request := fmt.Appendf(nil, "GET /page0 HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	visitor.request = func(int, int) []byte { return request }
	stop := visitor.start(ctx)
	defer stop()
	var took, told, used []time.Duration
	for n := 1; n <= largeReloads; n++ {
		if err := srv.configure(largeConfiguration(n)); err != nil {
			return nil, err
		}
		before, err := srv.cpu()
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := srv.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return nil, err
		}
		at, err := srv.awaitText(ctx, host, "/page0", largeText(n), largeWait)
		if err != nil {
			return nil, err
		}
		took = append(took, at.Sub(began))
		after, err := srv.cpu()
		if err != nil {
			return nil, err
		}
		used = append(used, after-before)
		said, err := srv.awaitSaid(ctx, reloaded, n, largeWait)
		if err != nil {
			return nil, err
		}
		own, err := time.ParseDuration(said)
		if err != nil {
			return nil, err
		}
		told = append(told, own)
		if err := pauseFor(ctx, time.Second); err != nil { // for what was there before to be done away with
			return nil, err
		}
	}
	stop()
	size, err := os.Stat(srv.file)
	if err != nil {
		return nil, err
	}
	return []claim{{
		says: fmt.Sprintf("a reload of %d sites with %d routes each takes less than %s", largeSites, largeRoutes, largeLimit),
		measured: fmt.Sprintf("%.1f MB; a new text after %s (median of %d), %s at most; by the log %s; processor time %s; meanwhile %s, the slowest took %s",
			float64(size.Size())/1e6, ms(middle(took)), largeReloads, ms(slices.Max(took)), ms(middle(told)), ms(middle(used)), visitor, ms(visitor.slowest)),
		holds: middle(took) < largeLimit && visitor.only(200),
	}}, srv.stop()
}
