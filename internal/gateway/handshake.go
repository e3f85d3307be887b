package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// ready is what a worker tells of itself when it can take requests.
type ready struct {
	PID            int    `json:"pid"`
	Python         string `json:"python"` // "3.11.7"
	Implementation string `json:"implementation"`
	Executable     string `json:"executable"`
	App            string `json:"app"` // as it was found: "shop.wsgi:application"
	Codec          string `json:"codec"`
	FreeThreaded   bool   `json:"free_threaded"`
	File           string `json:"file"`  // of the application's module, if it has one
	Arena          bool   `json:"arena"` // it shares it
}

// LoadError tells why the application cannot be loaded. It is the application's error or its user's, not the server's.
type LoadError struct {
	Kind      string `json:"kind"`      // "module-not-found", "import-failed", "attribute-missing", "not-callable" and others
	Message   string `json:"message"`   // one line, with what to do about it
	Traceback string `json:"traceback"` // of Python, without the server's own frames; may be empty

	files []string // that were imported until then
}

func (e *LoadError) Error() string { return e.Message }

// deathError tells that a process ended before it was ready.
type deathError struct {
	worker int
	pid    int
	how    string
	output string // the end of what it has said
}

func (e *deathError) Error() string {
	s := fmt.Sprintf("worker %d (process %d) ended before it was ready: %s", e.worker, e.pid, e.how)
	lines := strings.Split(strings.TrimSpace(e.output), "\n")
	if last := lines[len(lines)-1]; last != "" {
		s += "; its last words were: " + last
	}
	return s
}

// await waits for the process to be ready. Otherwise the error is a *LoadError, a *deathError, that of ctx, or that of a
// process which breaks the protocol; in all these cases the process is no use any more and is to be killed.
func (p *process) await(ctx context.Context) (*ready, error) {
	kind, payload, err := p.ask(ctx, nil, readyFrame, loadFailFrame)
	if err != nil {
		return nil, err
	}
	if kind == loadFailFrame {
		return nil, loadError(payload)
	}
	r := new(ready)
	if err := json.Unmarshal(payload, r); err != nil {
		return nil, fmt.Errorf("worker %d: the message that it is ready is not understood: %w", p.number, err)
	}
	return r, nil
}

// imports asks a process that is ready, and whose MAIN was not taken, for the files that it has imported.
func (p *process) imports(ctx context.Context) ([]string, error) {
	_, payload, err := p.ask(ctx, appendFrame(nil, listFrame, 0, 0, nil, nil), filesFrame)
	if err != nil {
		return nil, err
	}
	return fileList(payload)
}

// ask writes a frame, if there is one, and waits for one of the kinds that are expected now.
func (p *process) ask(ctx context.Context, question []byte, kinds ...byte) (kind byte, payload []byte, err error) {
	stop := context.AfterFunc(ctx, func() { _ = p.main.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		if stop() {
			return
		}
		if err == nil {
			err = context.Cause(ctx)
		}
	}()
	kind, payload, err = p.exchange(question)
	if err != nil {
		return 0, nil, p.broken(ctx, err)
	}
	if !slices.Contains(kinds, kind) {
		return 0, nil, fmt.Errorf("worker %d has sent a frame of kind %d too early", p.number, kind)
	}
	return kind, payload, nil
}

// exchange writes a frame and reads one.
func (p *process) exchange(question []byte) (kind byte, payload []byte, err error) {
	p.talk.Lock()
	defer p.talk.Unlock()
	if len(p.unread) > 0 {
		said := bytes.NewReader(p.unread)
		kind, payload, err = readFrame(said)
		p.unread = p.unread[len(p.unread)-said.Len():]
		return kind, payload, err
	}
	if len(question) > 0 {
		if _, err := p.main.Write(question); err != nil {
			return 0, nil, err
		}
	}
	return readFrame(p.main)
}

// broken turns an error of MAIN into its cause, for which the process is waited for a moment.
func (p *process) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if breach := (*protocolError)(nil); errors.As(err, &breach) {
		return fmt.Errorf("worker %d: %w", p.number, err)
	}
	patience := time.NewTimer(linger)
	defer patience.Stop()
	select {
	case <-p.dead:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-patience.C: // it lives on but cannot be talked to
		p.kill()
		<-p.dead
	}
	return &deathError{worker: p.number, pid: p.pid, how: p.how, output: p.out.tail()}
}

// protocolError tells that a worker has sent what it must not send.
type protocolError struct{ error }

func (e *protocolError) Unwrap() error { return e.error }

// readFrame reads one frame, whole, and nothing beyond it.
func readFrame(r io.Reader) (kind byte, payload []byte, err error) {
	_, kind, payload, err = readNumbered(r)
	return kind, payload, err
}

// readNumbered is readFrame that tells the frame's id too.
func readNumbered(r io.Reader) (id uint32, kind byte, payload []byte, err error) {
	var b [frameHeader]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, 0, nil, err
	}
	var f frames
	h := f.parse(b[:])
	if f.err != nil {
		return 0, 0, nil, &protocolError{f.err}
	}
	payload = make([]byte, h.size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, 0, nil, err
	}
	return h.id, h.kind, payload, nil
}

// loadError reads the payload of a LOADFAIL.
func loadError(payload []byte) error {
	var message struct {
		LoadError
		Files []string `json:"files"`
	}
	if err := json.Unmarshal(payload, &message); err != nil {
		return fmt.Errorf("the message that the application cannot be loaded is not understood: %w", err)
	}
	e := message.LoadError
	e.files = append(message.Files, tracebackFiles(e.Traceback)...)
	return &e
}

// tracebackFiles returns the files that a traceback names: that with the error in it was perhaps never imported.
func tracebackFiles(traceback string) (files []string) {
	for line := range strings.Lines(traceback) {
		_, rest, ok := strings.Cut(line, `File "`)
		if !ok {
			continue
		}
		name, _, ok := strings.Cut(rest, `"`)
		if ok && !strings.HasPrefix(name, "<") {
			files = append(files, name)
		}
	}
	return files
}

// fileList reads the payload of a FILES.
func fileList(payload []byte) (files []string, err error) {
	if err := json.Unmarshal(payload, &files); err != nil {
		return nil, fmt.Errorf("the list of imported files is not understood: %w", err)
	}
	return files, nil
}

// tell writes a frame to a process whose MAIN was not taken, if it takes it at once.
func (p *process) tell(f []byte) error {
	_ = p.main.SetWriteDeadline(time.Now().Add(linger))
	_, err := p.main.Write(f)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.kill()
	}
	return err
}
