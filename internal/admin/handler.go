package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"

	"highball"
)

// Backend is what a server can do. Its functions may be called from any goroutine, and block as long as they take. An error that is a
// *[Refused] answers with its status, any other with 422.
type Backend struct {
	Status  func(ctx context.Context) (Status, error)
	Reload  func(ctx context.Context, order ReloadOrder) (Reloaded, error)
	Upgrade func(ctx context.Context) (Upgraded, error)
	Stop    func(ctx context.Context, order StopOrder) (Stopping, error)
}

// largestBody is more than any request needs.
const largestBody = 64 << 10

// New returns the handler of the interface.
func New(b Backend) (highball.Handler, error) {
	mux := highball.NewMux()
	err := errors.Join(
		mux.Handle("GET /status", answer(200, func(ctx context.Context, _ struct{}) (Status, error) { return b.Status(ctx) })),
		mux.Handle("POST /reload", answer(200, b.Reload)),
		mux.Handle("POST /upgrade", answer(200, func(ctx context.Context, _ struct{}) (Upgraded, error) { return b.Upgrade(ctx) })),
		mux.Handle("POST /stop", answer(202, b.Stop)),
	)
	if err != nil {
		return nil, err
	}
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.Header().Has("Origin") {
			return refuse(w, &Refused{403, []string{"requests of web pages are refused"}})
		}
		if err := mux.Serve(w, r); err != nil {
			return refuse(w, err)
		}
		return nil
	}), nil
}

// answer returns the handler of one kind of request: what it asks for is decoded into an Order, and the answer is JSON.
func answer[Order, Answer any](status int, do func(context.Context, Order) (Answer, error)) highball.Handler {
	return highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		var order Order
		if err := decode(r, &order); err != nil {
			return err
		}
		a, err := do(r.Context(), order)
		if err != nil {
			return err
		}
		return send(w, status, a)
	})
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
	_, err = w.Write(append(text, '\n'))
	return err
}
