package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"

	"highball"
)

// largestBody is more than any request needs.
const largestBody = 64 << 10

// New returns the handler of the interface at a unix socket: whoever can open that may do everything, but for web pages.
func New(b Backend) (highball.Handler, error) {
	h, err := routes(b)
	if err == nil {
		err = ask(h, "GET /address", 200, b.Address)
	}
	if err != nil {
		return nil, err
	}
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		harden(w)
		if r.Header().Has("Origin") {
			return refuse(w, &Refused{403, []string{"requests of web pages are refused"}})
		}
		return answered(w, h.Serve(w, r))
	}), nil
}

// routes returns the handler of all requests, once they were let in.
func routes(b Backend) (*highball.Mux, error) {
	mux := highball.NewMux()
	err := errors.Join(
		ask(mux, "GET /status", 200, b.Status),
		order(mux, "POST /reload", 200, b.Reload),
		ask(mux, "POST /upgrade", 200, b.Upgrade),
		order(mux, "POST /stop", 202, b.Stop),

		ask(mux, "GET /requests", 200, b.Requests),
		askFor(mux, "GET /requests/{id}/stack", b.Stack),
		askFor(mux, "POST /requests/{id}/kill", b.Kill),
		ask(mux, "GET /workers", 200, b.Workers),

		ask(mux, "GET /statistics", 200, b.Statistics),
		query(mux, "GET /history", historyQuery, b.History),
		hand(mux, "GET /metrics", b.Metrics),
		mux.Handle("GET /events", &eventStream{b, heartbeat}),

		query(mux, "GET /recent", recentQuery, b.Recent),
		askFor(mux, "GET /recent/{id}", b.Exchange),
		orderFor(mux, "POST /recent/{id}/replay", b.Replay),
		order(mux, "POST /recent/record", 200, b.Record),

		ask(mux, "GET /configuration", 200, b.Configuration),
	)
	if b.Dashboard != nil {
		err = errors.Join(err, mux.Handle("GET /{$}", b.Dashboard), mux.Handle("GET /assets/", b.Dashboard))
	}
	return mux, err
}

// harden sets what every answer has, whatever it is.
func harden(w *highball.Response) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
}

// answered tells of an error of a handler that has sent nothing.
func answered(w *highball.Response, err error) error {
	if err == nil || w.Started() {
		return err
	}
	return refuse(w, err)
}

// decode reads the body of a request, if there is one.
func decode(r *highball.Request, order any) error {
	text, err := io.ReadAll(io.LimitReader(r.Body(), largestBody+1))
	switch {
	case err != nil:
		return err
	case len(text) == 0:
		return nil
	case len(text) > largestBody:
		return &Refused{413, []string{"the body is too large"}}
	}
	if kind, _, err := mime.ParseMediaType(r.Header().Value("Content-Type")); err != nil || kind != "application/json" {
		return &Refused{415, []string{"the body is to be of the type application/json"}}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err = d.Decode(order)
	if err == nil && d.More() {
		err = errors.New("there is more than one value")
	}
	if err != nil {
		return &Refused{400, []string{fmt.Sprintf("the body cannot be read: %v", err)}}
	}
	return nil
}

// refuse tells of an error.
func refuse(w *highball.Response, err error) error {
	refused := &Refused{422, []string{err.Error()}}
	var status *highball.Error
	if !errors.As(err, &refused) && errors.As(err, &status) {
		refused.Status = status.Status
	}
	return send(w, refused.Status, Failure{refused.Lines})
}

func send(w *highball.Response, status int, answer any) error {
	text, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		return err
	}
	w.SetStatus(status)
	w.Header().Set("Content-Type", "application/json")
	w.SetContentLength(int64(len(text) + 1)) // so that it is whole when it was flushed
	_, err = w.Write(append(text, '\n'))
	return err
}
