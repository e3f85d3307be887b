package highball_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"highball"
	"highball/internal/servertest"
)

// piped is one request of a batch.
type piped struct{ method, raw string }

// drawPiped draws a request, with or without a body, for a handler that is inline, blocking or both.
func drawPiped(t *rapid.T) piped {
	target := rapid.SampledFrom([]string{"/inline", "/mixed", "/echo", "/large", "/unread", "/none", "/flush"}).Draw(t, "target")
	query := fmt.Sprintf("?%d", rapid.IntRange(0, 9999).Draw(t, "query"))
	method := rapid.SampledFrom([]string{"GET", "GET", "HEAD", "POST", "POST"}).Draw(t, "method")
	head := method + " " + target + query + " HTTP/1.1\r\nHost: test\r\n"
	if method != "POST" {
		return piped{method, head + "\r\n"}
	}
	body := repeated(rapid.IntRange(0, 3000).Draw(t, "size"))
	if rapid.Bool().Draw(t, "chunked") && body != "" {
		cut := rapid.IntRange(1, len(body)).Draw(t, "cut")
		head += "Transfer-Encoding: chunked\r\n\r\n"
		for _, part := range []string{body[:cut], body[cut:]} {
			if part != "" {
				head += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
			}
		}
		return piped{method, head + "0\r\n\r\n"}
	}
	return piped{method, head + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body}
}

// A batch of pipelined requests, however it is split on its way, has the answers of the same requests one by one.
func TestPipelinedIsOneByOne(t *testing.T) {
	tell := func(w *highball.Response, r *highball.Request) bool {
		_, err := w.WriteString(r.Method() + " " + r.Target())
		return err == nil
	}
	h := newMux(t, map[string]highball.Handler{
		"/inline": inlineFunc{inline: tell},
		"/mixed": inlineFunc{
			inline: func(w *highball.Response, r *highball.Request) bool {
				return strings.HasSuffix(r.Query(), "1") && tell(w, r)
			},
			serve: func(w *highball.Response, r *highball.Request) error {
				tell(w, r)
				return nil
			},
		},
		"/echo": highball.HandlerFunc(echo),
		"/large": inlineFunc{inline: func(w *highball.Response, r *highball.Request) bool {
			_, err := w.WriteString(r.Query() + repeated(100<<10))
			return err == nil
		}},
		"/unread": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			tell(w, r)
			return nil
		}),
		"/flush": highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
			tell(w, r)
			return w.Flush()
		}),
	})
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		s := servertest.New(t, d, &highball.Server{Handler: h})
		rapid.Check(t, func(rt *rapid.T) {
			batch := rapid.SliceOfN(rapid.Custom(drawPiped), 1, 150).Draw(rt, "batch")
			var want []servertest.Response
			one := s.Dial(t)
			defer one.Close()
			var all strings.Builder
			for _, p := range batch {
				one.Send(p.raw)
				want = append(want, one.Receive(p.method))
				all.WriteString(p.raw)
			}
			raw := all.String()
			cuts := rapid.SliceOfN(rapid.IntRange(0, len(raw)), 0, 8).Draw(rt, "cuts")
			slices.Sort(cuts)
			piping := s.Dial(t)
			defer piping.Close()
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				at := 0
				for _, cut := range append(cuts, len(raw)) {
					piping.Send(raw[at:cut])
					at = cut
				}
			}()
			for i, p := range batch {
				got, err := piping.TryReceive(p.method)
				if err != nil {
					rt.Fatalf("answer %d of %d: %v", i, len(batch), err)
				}
				if got.Status != want[i].Status || got.Body != want[i].Body || got.Closing() != want[i].Closing() {
					rt.Fatalf("answer %d of %d: %d %.60q, one by one %d %.60q", i, len(batch), got.Status, got.Body, want[i].Status, want[i].Body)
				}
			}
			<-sent // some answers need not wait for the body, and nothing else may stand in its midst
			piping.WantOpen("/inline")
		})
	})
}
