package highball_test

import (
	"os"
	"path/filepath"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// The package's own ways to answer fulfil the contract.
func TestContract(t *testing.T) {
	large := repeated(300 << 10)
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(large), 0o600); err != nil {
		t.Fatal(err)
	}
	var header highball.Header
	header.Set("Content-Type", "text/plain")
	prepared, err := highball.Prepare(200, &header, []byte("prepared\n"))
	if err != nil {
		t.Fatal(err)
	}
	made := func(t testing.TB) highball.Handler {
		return newMux(t, map[string]highball.Handler{
			"/inline":       text("inline\n"),
			"/inline/large": text(large),
			"/blocking": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
				w.Header().Set("X-Field", "value")
				_, err := w.WriteString("blocking\n")
				return err
			}),
			"/stream": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
				for rest := large; rest != ""; {
					n := min(9999, len(rest))
					if _, err := w.WriteString(rest[:n]); err != nil {
						return err
					}
					rest = rest[n:]
				}
				return nil
			}),
			"/file": highball.HandlerFunc(func(w *highball.Response, _ *highball.Request) error {
				f, err := os.Open(name)
				if err != nil {
					return err
				}
				defer f.Close()
				w.SetContentLength(int64(len(large)))
				return w.SendFile(f, 0, int64(len(large)))
			}),
			"/prepared": inlineFunc{inline: func(w *highball.Response, _ *highball.Request) bool {
				return w.Send(prepared) == nil
			}},
			"/empty":     highball.Status(404),
			"/moved":     highball.Redirect(301, "/inline"),
			"POST /echo": highball.HandlerFunc(echo),
			"/unread":    highball.HandlerFunc(func(*highball.Response, *highball.Request) error { return nil }),
			"/refused": highball.HandlerFunc(func(*highball.Response, *highball.Request) error {
				return &highball.Error{Status: 403}
			}),
		})
	}
	servertest.Contract(t, made,
		servertest.Case{Name: "inline", Target: "/inline", Status: 200, Want: "inline\n"},
		servertest.Case{Name: "inline large", Target: "/inline/large", Status: 200, Want: large},
		servertest.Case{Name: "blocking", Target: "/blocking", Status: 200, Want: "blocking\n"},
		servertest.Case{Name: "stream", Target: "/stream", Status: 200, Want: large},
		servertest.Case{Name: "file", Target: "/file", Status: 200, Want: large},
		servertest.Case{Name: "prepared", Target: "/prepared", Status: 200, Want: "prepared\n"},
		servertest.Case{Name: "error page", Target: "/empty", Status: 404},
		servertest.Case{Name: "error", Target: "/refused", Status: 403},
		servertest.Case{Name: "redirect", Target: "/moved", Status: 301},
		servertest.Case{Name: "no pattern", Target: "/none", Status: 404},
		servertest.Case{Name: "other method", Target: "/echo", Status: 405},
		servertest.Case{Name: "body", Method: "POST", Target: "/echo", Body: "some text", Status: 200, Want: "some text"},
		servertest.Case{Name: "large body", Method: "POST", Target: "/echo", Body: large, Status: 200, Want: large},
		servertest.Case{Name: "unread body", Method: "POST", Target: "/unread", Body: "some text", Status: 200},
	)
}
