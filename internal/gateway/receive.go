package gateway

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"highball"
)

// Receive implements highball.Receiver: it takes what a worker says.
func (w *worker) Receive(t *highball.Turn, b []byte) {
	w.turn, w.received = t, w.pool.now()
	err := w.frames.feed(b, w.each)
	w.tellFed()
	w.turn = nil
	if w.finished > 0 {
		w.pool.noteFinished(w)
	}
	if err != nil {
		w.breach(err)
	}
}

// Closed implements highball.Receiver.
func (w *worker) Closed(t *highball.Turn, err error) {
	if err == highball.ErrServerClosed {
		w.pool.over() // before the worker finds its stream closed and exits
	} else if err != io.EOF {
		w.pool.log.Warn("the stream of a worker has failed", "worker", w.number, "err", err)
	}
	if err != highball.ErrServerClosed {
		w.pool.cut(w)
	}
	if err == highball.ErrServerClosed || w.pool.threads > 1 { // in the latter case it is known that it has begun with all
		w.pool.lost(t, w)
	}
}

// breach ends a worker that breaks the protocol.
func (w *worker) breach(err error) {
	w.pool.log.Error("a worker breaks the protocol and is ended", "worker", w.number, "pid", w.proc.pid, "err", err)
	w.proc.kill()
}

// take takes one frame.
func (w *worker) take(f frame) {
	switch f.kind {
	case wholeFrame:
		w.takeWhole(f)
	case sharedFrame:
		w.takeShared(f)
	case headFrame:
		w.takeHead(f)
	case dataFrame:
		w.takeData(f)
	case endFrame:
		w.takeEnd(f)
	case fileFrame:
		w.takeFile(f)
	case failFrame:
		w.takeFail(f)
	case filesFrame:
		w.pool.files(w, f.body)
	default:
		w.breach(fmt.Errorf("a frame of kind %d does not belong here", f.kind))
	}
}

// finish takes the request that f answers from the worker, and reports whether its answer is wanted.
func (w *worker) finish(f frame) (*ticket, bool) {
	tk := w.pool.finish(w.turn, w, f.id, f.long())
	if tk == nil {
		w.breach(fmt.Errorf("a frame of kind %d answers request %d, which it does not have", f.kind, f.id))
		return nil, false
	}
	if f.kind != sharedFrame {
		tk.leaveSlot()
	}
	return tk, true
}

func (w *worker) takeWhole(f frame) {
	if tk, ok := w.finish(f); ok {
		w.answer(tk, f.head, f.body)
	}
}

// takeShared takes an answer whose body is in the slot of its request.
func (w *worker) takeShared(f frame) {
	tk, ok := w.finish(f)
	if !ok {
		return
	}
	n := binary.LittleEndian.Uint32(f.body)
	if tk.slot == 0 || n > slotSize {
		err := fmt.Errorf("the worker has put an answer of %d bytes in slot %d, where there is no room for it", n, tk.slot)
		tk.fail(w.turn, err)
		w.breach(err)
		return
	}
	if err := w.pool.arena.back(tk.slot, int(n)); err != nil { // what was never written has no memory yet, and to read it would end the server if there is none left
		tk.fail(w.turn, storageError(fmt.Errorf("an answer has no memory: %w", err)))
		return
	}
	w.answer(tk, f.head, w.pool.arena.bytes(tk.slot)[:n])
}

// answer answers a request with what its worker has sent, whole.
func (w *worker) answer(tk *ticket, head, body []byte) {
	compiled, err := w.heads.compile(head)
	switch {
	case tk.answer.spool != nil:
		tk.fail(w.turn, fmt.Errorf("the worker has answered twice"))
		return
	case err != nil:
		tk.fail(w.turn, err)
		return
	case !tk.waits && compiled.prepared != nil && len(body) > maxWhole:
		w.answerLong(tk, compiled, body)
	case !tk.waits && compiled.prepared != nil:
		// The worker has the ticket no more, so that nobody changes slowStack.
		tk.later.Took(tk.took).WithStack(tk.slowStack).Send(w.turn, compiled.prepared, compiled.length, body)
	case tk.waits && tk.slot != 0:
		tk.answer = answer{head: compiled, body: body} // which is the ticket's until it was written
		tk.handOver(w.turn)
	default:
		tk.answer = answer{head: compiled, body: append(tk.frame[:0], body...)} // the request has been read
		tk.frame = tk.answer.body
		tk.handOver(w.turn)
	}
	tk.release()
}

func (w *worker) takeHead(f frame) {
	tk := w.pool.find(w, f.id)
	if tk == nil || tk.answer.spool != nil {
		w.breach(fmt.Errorf("a head for request %d, which does not expect one", f.id))
		return
	}
	head, err := w.heads.compile(f.head)
	s := newSpool(w.pause)
	if err != nil {
		s.end(err)
	} else if err := s.put(f.body); err != nil {
		w.pool.log.Error("a response cannot be stored", "worker", w.number, "err", err)
	}
	tk.leaveSlot()
	tk.kept = true // the patience with a cancelled answer may outlive it
	tk.answer = answer{head: head, spool: s}
	switch {
	case !w.pool.beginStream(tk):
		s.abandon()
	case tk.waits || err != nil || head.prepared == nil:
		tk.handOver(w.turn)
	default:
		tk.flows = true
		w.feeds(tk)
	}
}

// beginStream notes that the answer to tk has begun, and reports whether it is wanted. If not, the worker is told.
func (p *pool) beginStream(tk *ticket) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	tk.stage, tk.streamed = streaming, tk.worker.received
	if tk.unwanted {
		p.cancelLocked(tk)
	}
	return !tk.unwanted
}

func (w *worker) takeData(f frame) {
	tk := w.pool.find(w, f.id)
	if tk == nil || tk.answer.spool == nil {
		w.breach(fmt.Errorf("data for request %d, which does not expect any", f.id))
		return
	}
	if err := tk.answer.spool.put(f.body); err != nil {
		w.pool.log.Error("a response cannot be stored", "worker", w.number, "err", err)
	}
	w.feeds(tk)
}

func (w *worker) takeEnd(f frame) {
	tk, ok := w.finish(f)
	if !ok {
		return
	}
	if tk.answer.spool == nil {
		tk.fail(w.turn, fmt.Errorf("the worker has ended an answer that it has not begun"))
		return
	}
	tk.answer.spool.end(nil)
	w.feeds(tk)
	tk.release()
}

func (w *worker) takeFile(f frame) {
	file, err := w.proc.receiveDescriptor()
	if err != nil {
		w.breach(fmt.Errorf("the descriptor of a file is missing: %w", err))
		return
	}
	tk, ok := w.finish(f)
	if !ok {
		_ = file.Close() // it was only to be read
		return
	}
	a := answer{file: file}
	if a.head, err = w.heads.compile(f.head); err == nil {
		a.offset, a.length, err = f.filePart()
	}
	if err != nil {
		_ = file.Close() // likewise
		tk.fail(w.turn, err)
		return
	}
	if w.pool.setAnswer(tk, a) {
		tk.handOver(w.turn)
	} else {
		_ = file.Close() // likewise
	}
	tk.release()
}

// setAnswer sets the answer to tk, and reports whether it is wanted.
func (p *pool) setAnswer(tk *ticket, a answer) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !tk.unwanted {
		tk.answer = a
	}
	return !tk.unwanted
}

func (w *worker) takeFail(f frame) {
	tk, ok := w.finish(f)
	if !ok {
		return
	}
	failure := new(appError)
	if err := json.Unmarshal(f.body, failure); err != nil {
		failure.Summary = fmt.Sprintf("the application has failed, and its worker did not say how (%v)", err)
	}
	tk.fail(w.turn, failure)
}

// pause has the worker wait until the clients of its responses have caught up.
func (w *worker) pause(wait bool) {
	switch {
	case wait:
		if w.paused.Add(1) == 1 {
			w.peer.Pause()
		}
	case w.paused.Add(-1) == 0:
		w.peer.Resume()
	}
}

// partOf returns the length of the part of a file that an answer stands for.
func (a *answer) partOf(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	rest := max(info.Size()-a.offset, 0)
	switch {
	case !info.Mode().IsRegular():
		return 0, fmt.Errorf("the application answers with %s, which is no regular file", f.Name())
	case a.length >= 0:
		return min(a.length, rest), nil
	}
	return rest, nil
}
