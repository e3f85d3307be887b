package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"highball"
)

// At a TCP address anybody on the machine can ask, and so can every page that a browser on it shows. So a request has to prove three things:
//
//   - that it is meant for this server, by its Host: a page of evil.example that has its name resolve to 127.0.0.1 (DNS rebinding) says evil.example;
//   - that it comes from no other page, by its Origin: browsers set it, and no page can forge it;
//   - that who has sent it knows the token. Browsers never send that by themselves, as they do with cookies, so that no page can borrow it.
//
// The page of the dashboard itself is for everybody who gets as far as the token: it has nothing in it.

// NewWeb returns the handler of the interface at a TCP address, for who knows the token, which must not be empty. The logger hears of those who do not.
func NewWeb(b Backend, token string, log *slog.Logger) (highball.Handler, error) {
	h, err := routes(b)
	if err != nil {
		return nil, err
	}
	wanted := sha256.Sum256([]byte(token))
	strangers := &strangers{log: log}
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		harden(w)
		isolate(w)
		if err := checkSource(r); err != nil {
			return refuse(w, err)
		}
		if !isPage(r.Path()) {
			// Sums are of one length, so that not even that of the token can be learnt from how long this takes.
			got := sha256.Sum256([]byte(bearer(r)))
			if subtle.ConstantTimeCompare(got[:], wanted[:]) != 1 {
				strangers.note(r.RemoteAddr())
				w.Header().Set("WWW-Authenticate", `Bearer realm="highball"`)
				return refuse(w, &Refused{401, []string{"the token is missing or wrong"}})
			}
		}
		return answered(w, h.Serve(w, r))
	}), nil
}

// isolate has browsers keep everybody else away from what is answered.
func isolate(w *highball.Response) {
	w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	w.Header().Set("X-Frame-Options", "DENY")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
}

// isPage reports whether a path is of the dashboard. It is the canonical path, by which the handler is chosen, too.
func isPage(path string) bool { return path == "/" || strings.HasPrefix(path, "/assets/") }

// checkSource checks whom a request is for, and where it comes from.
func checkSource(r *highball.Request) error {
	if !isOurs(r.Host(), r.LocalAddr()) {
		return &Refused{421, []string{"the Host is none of this server's"}}
	}
	for origin := range r.Header().Values("Origin") {
		if !strings.EqualFold(origin, "http://"+r.Host()) {
			return &Refused{403, []string{"requests of other origins are refused"}}
		}
	}
	return nil
}

// isOurs reports whether a host is that of a listener. A browser never lets anybody else be localhost, at whatever port: with another one it may
// be the near end of an ssh tunnel.
func isOurs(host string, local netip.AddrPort) bool {
	name, port, withPort := strings.Cut(host, ":")
	if strings.EqualFold(name, "localhost") && (!withPort || strings.Trim(port, "0123456789") == "") {
		return true
	}
	addr := netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	if at, err := netip.ParseAddrPort(host); err == nil {
		return at == addr
	}
	bare, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && bare == addr.Addr() && addr.Port() == 80
}

// bearer returns the token that a request has brought (RFC 6750, section 2.1), "" for none.
func bearer(r *highball.Request) string {
	scheme, token, _ := strings.Cut(r.Header().Value("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(token, " ")
}

// between is how often strangers are told of.
const between = time.Minute

// strangers tells of requests without the token, and does not let them fill the log.
type strangers struct {
	log *slog.Logger

	mu    sync.Mutex // guards the following fields
	last  time.Time
	since int // so many more, after the last that was told of
}

func (s *strangers) note(client netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since++
	if now := time.Now(); now.Sub(s.last) >= between {
		s.log.Warn("somebody without the token has asked at the admin address", "client", client, "requests", fmt.Sprint(s.since))
		s.last, s.since = now, 0
	}
}
