package admin

import (
	"context"
	"net/url"

	"highball"
)

// The kinds of requests: those that want to know or to do something as it is (ask), something that belongs to an ID (askFor), something as a query says
// (query) or as a body does (order, orderFor).

func ask[Answer any](mux *highball.Mux, pattern string, status int, do func(context.Context) (Answer, error)) error {
	return offer(mux, pattern, do != nil, func(w *highball.Response, r *highball.Request) error {
		return answer(w, r, status, func(ctx context.Context, _ struct{}) (Answer, error) { return do(ctx) })
	})
}

func askFor[Answer any](mux *highball.Mux, pattern string, do func(context.Context, string) (Answer, error)) error {
	return offer(mux, pattern, do != nil, func(w *highball.Response, r *highball.Request) error {
		return answer(w, r, 200, func(ctx context.Context, _ struct{}) (Answer, error) { return do(ctx, idOf(r)) })
	})
}

func query[Query, Answer any](mux *highball.Mux, pattern string, read func(*highball.Request) (Query, error), do func(context.Context, Query) (Answer, error)) error {
	return offer(mux, pattern, do != nil, func(w *highball.Response, r *highball.Request) error {
		q, err := read(r)
		if err != nil {
			return err
		}
		return answer(w, r, 200, func(ctx context.Context, _ struct{}) (Answer, error) { return do(ctx, q) })
	})
}

func order[Order, Answer any](mux *highball.Mux, pattern string, status int, do func(context.Context, Order) (Answer, error)) error {
	return offer(mux, pattern, do != nil, func(w *highball.Response, r *highball.Request) error {
		return answer(w, r, status, do)
	})
}

func orderFor[Order, Answer any](mux *highball.Mux, pattern string, do func(context.Context, string, Order) (Answer, error)) error {
	return offer(mux, pattern, do != nil, func(w *highball.Response, r *highball.Request) error {
		return answer(w, r, 200, func(ctx context.Context, o Order) (Answer, error) { return do(ctx, idOf(r), o) })
	})
}

// idOf returns the ID in a path. A proxy may have given one that has a slash, which no segment of a path can have; so it may be escaped once more.
func idOf(r *highball.Request) string {
	given := r.PathValue("id")
	if id, err := url.PathUnescape(given); err == nil {
		return id
	}
	return given
}

// hand has another handler answer.
func hand(mux *highball.Mux, pattern string, h highball.Handler) error {
	return offer(mux, pattern, h != nil, func(w *highball.Response, r *highball.Request) error { return h.Serve(w, r) })
}

// offer adds f, or in its place what says that the server has none.
func offer(mux *highball.Mux, pattern string, has bool, f highball.HandlerFunc) error {
	if !has {
		f = func(*highball.Response, *highball.Request) error {
			return refusedf(501, "this server has no %s", pattern)
		}
	}
	return mux.Handle(pattern, f)
}

// answer decodes what a request asks for, has it done and sends what has come of it.
func answer[Order, Answer any](w *highball.Response, r *highball.Request, status int, do func(context.Context, Order) (Answer, error)) error {
	var o Order
	if err := decode(r, &o); err != nil {
		return err
	}
	a, err := do(r.Context(), o)
	if err != nil {
		return err
	}
	return send(w, status, a)
}
