package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"strings"

	"highball"
)

const (
	maxLocalRedirects = 10
	maxSpooledBody    = 1 << 30 // bytes of a request's body of unknown length, which is stored before its script starts
)

// cgiHandler answers the requests below a mount point by scripts.
type cgiHandler struct {
	cgi   *CGI
	mount string
}

var _ highball.Handler = (*cgiHandler)(nil)

// Serve implements highball.Handler. A local redirect to what lies below the mount is followed here, as a GET without a
// body (RFC 3875, section 6.2.2); any other one is the client's to follow.
func (h *cgiHandler) Serve(w *highball.Response, r *highball.Request) error {
	var storage [usualFields]highball.Field
	e := environOf(r, h.mount, -1, storage[:0])
	e.id = r.ID()
	if e.script != h.mount {
		return &highball.Error{Status: 404}
	}
	body := r
	for range maxLocalRedirects {
		location, err := h.answer(w, r, body, &e)
		if err != nil {
			return h.refuse(w, &e, err)
		}
		if location == nil {
			return nil
		}
		e.path, e.query = location.Path, location.RawQuery
		e.hasType, e.contentType = false, ""
		if e.method != "HEAD" {
			e.method = "GET"
		}
		body = nil
	}
	return &highball.Error{Status: 502, Err: fmt.Errorf("the CGI scripts redirect in a circle, at last to %s", e.path)}
}

// refuse returns err for the server to answer with. Of a request that is refused for what may be a mistake in the folder it
// tells; of errors on the server's side the server does.
func (h *cgiHandler) refuse(w *highball.Response, e *environ, err error) error {
	var refused *highball.Error
	if !errors.As(err, &refused) || errors.Is(err, highball.ErrSlowClient) {
		return err
	}
	if refused.Status == 503 {
		w.Header().Set("Retry-After", "1")
	}
	if refused.Status < 500 && refused.Err != nil {
		h.cgi.cfg.Logger.Warn("a request was not given to a CGI script", "cgi", h.cgi.cfg.Name,
			"id", e.id, "method", e.method, "target", e.target, "status", refused.Status, "err", refused.Err)
	}
	return err
}

// answer runs the script that e is for, and sends what it answers, unless that is a local redirect below the mount, to the
// location returned. The script gets the body of the request body, if that is not nil.
func (h *cgiHandler) answer(w *highball.Response, r, body *highball.Request, e *environ) (*url.URL, error) {
	s, err := h.cgi.find(h.mount, e.path)
	if err != nil {
		return nil, err
	}
	in, err := h.input(body, e)
	if err != nil {
		return nil, err
	}
	defer in.close()
	args, err := h.arguments(e, in)
	if err != nil {
		return nil, err
	}
	e.contentLength = in.length
	ctx := r.Context()
	waited, err := h.cgi.enter(ctx)
	r.Waited(waited)
	if err != nil {
		return nil, err
	}
	run, err := h.cgi.start(ctx, s, e, args, in.file)
	if err != nil {
		h.cgi.leave()
		return nil, err
	}
	r.OnDeadline(func() {
		run.stop(highball.ErrHandlerDeadline)
		h.cgi.cfg.Logger.Error("a CGI script has missed the handler's deadline and is ended", "cgi", h.cgi.cfg.Name,
			"script", s.name, "id", e.id, "method", e.method, "target", e.target)
	})
	location, err := h.converse(ctx, w, run, in)
	if err != nil {
		if cause := context.Cause(ctx); errors.Is(cause, highball.ErrKilled) {
			err = cause // which a failed write does not tell
			run.log("a CGI script is ended with its request, by hand")
		}
		run.stop(err)
	}
	run.leave()
	return location, err
}

// converse feeds a script and sends its answer.
func (h *cgiHandler) converse(ctx context.Context, w *highball.Response, run *cgiRun, in *cgiInput) (*url.URL, error) {
	if in.source == nil {
		run.attendFirst()
	} else {
		go run.attend()
		if err := run.feed(ctx, in.source); err != nil {
			return nil, err
		}
	}
	select {
	case <-run.known:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if run.err != nil {
		return nil, &highball.Error{Status: 502, Err: fmt.Errorf("the CGI script %s: %w", run.script.name, run.err)}
	}
	head := run.head
	if head.local {
		if to := below(h.mount, head.location); to != nil {
			return to, nil
		}
	}
	head.apply(w)
	if head.bodyless() {
		return nil, nil
	}
	err := run.spool.writeTo(ctx, w)
	if errors.Is(err, highball.ErrContentLength) {
		run.log("a CGI script has printed more than its Content-Length", "length", head.length)
		err = nil
	}
	return nil, err
}

// below returns the target of a local redirect if it lies below the mount, with the path behind that in its Path.
func below(mount, location string) *url.URL {
	location, _, _ = strings.Cut(location, "#")
	u, err := url.ParseRequestURI(location)
	if err != nil || strings.IndexByte(u.Path, 0) >= 0 {
		return nil
	}
	clean := path.Clean(u.Path)
	if strings.HasSuffix(u.Path, "/") && clean != "/" {
		clean += "/"
	}
	rest, inside := strings.CutPrefix(clean, mount)
	if !inside || rest == "" || rest[0] != '/' {
		return nil
	}
	return &url.URL{Path: rest, RawQuery: u.RawQuery}
}

// cgiInput is the body of a request on its way to a script.
type cgiInput struct {
	file   *os.File  // standard input, if there is one as it is
	source io.Reader // what else to feed the script with
	length int64     // CONTENT_LENGTH, or -1 without a body
	whole  *input    // of which they are
}

func (in *cgiInput) close() {
	if in.whole != nil {
		in.whole.close()
	}
}

// start returns the first bytes of the body.
func (in *cgiInput) start() (string, error) {
	if in.whole.file() == nil {
		return string(in.whole.bytes()), nil
	}
	b := make([]byte, maxInputMemory)
	n, err := in.whole.file().ReadAt(b, 0)
	if err == io.EOF {
		err = nil
	}
	return string(b[:n]), err
}

// input prepares the body of r: a short one, or one of unknown length, is read before there is a process that would have to wait for
// the client, and so is a form whose value is wanted; a longer one is for the script to read as it comes. A nil r has none.
func (h *cgiHandler) input(r *highball.Request, e *environ) (*cgiInput, error) {
	if r == nil {
		return &cgiInput{file: h.cgi.null, length: -1}, nil
	}
	n := r.ContentLength()
	if n == 0 {
		return &cgiInput{file: h.cgi.null, length: bodyLength(r, 0)}, nil
	}
	if n > maxInputMemory && !h.wantsForm(e) {
		return &cgiInput{source: r.Body(), length: n}, nil
	}
	whole, err := h.cgi.bodies.read(r, maxSpooledBody)
	if err != nil {
		return nil, err
	}
	in := &cgiInput{length: bodyLength(r, whole.size()), whole: whole}
	switch {
	case whole.size() == 0:
		in.file = h.cgi.null
	case whole.file() != nil:
		in.file = whole.file()
	default:
		in.source = bytes.NewReader(whole.bytes())
	}
	return in, nil
}

// wantsForm reports whether the script gets a value of the form that the request has as its body.
func (h *cgiHandler) wantsForm(e *environ) bool {
	return h.cgi.cfg.Lenient && isForm(e.contentType) && formValue(e.query) == ""
}

// arguments returns the arguments of a script: the words of the query, or, in lenient mode, the value of a form.
func (h *cgiHandler) arguments(e *environ, in *cgiInput) ([]string, error) {
	words, err := queryWords(e.method, e.query)
	if err != nil || words != nil || !h.cgi.cfg.Lenient {
		return words, err
	}
	value := formValue(e.query)
	if value == "" && in.whole != nil && isForm(e.contentType) {
		start, err := in.start()
		if err != nil {
			return nil, err
		}
		value = formValue(start)
	}
	if value == "" {
		return nil, nil
	}
	if strings.IndexByte(value, 0) >= 0 {
		return nil, &highball.Error{Status: 400, Err: errors.New("the form's value has a zero byte")}
	}
	return []string{value}, checkArgument(value)
}
