//go:build unix

package gateway

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// fileNumber tells a file from others on the system.
func fileNumber(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprint(stat.Dev, stat.Ino)
	}
	return ""
}

// A warm parent is spoken to in messages of a header, <IIiI, and a text: kind, number of the run, a value, and the size of
// the text.
const warmHeader = 16

// Kinds of messages to a parent.
const (
	warmRun    = 1 // the value is the number of arguments; the text has what runText tells
	warmSignal = 2 // the value is the signal
	warmEnd    = 3
)

// Kinds of messages from a parent.
const (
	warmReady   = 1 // the value is its process, the text its version and its program
	warmStarted = 2 // the value is the script's process
	warmFailed  = 3 // the value is the error of fork
	warmRefused = 4 // the text says why
	warmEnded   = 5 // the value is the wait status
)

// warmText bounds the text of a message from a parent.
const warmText = 64 << 10

// warmBoot is what the interpreter is given by -c. It reads descriptor 4 to its end: the size of the program in decimal, a
// newline, the program, and its environment. Both names are ones that tracebacks of scripts never show.
const warmBoot = `import os;f=os.fdopen(4,'rb');s=f.read(int(f.readline()));e=f.read();f.close();` +
	`exec(compile(s,'<highball>','exec'),{'__name__':'__highball__','ENVIRON':e})`

// warmParent is a prepared interpreter. Its methods may be called from any goroutine.
type warmParent struct {
	control *os.File
	child   *os.Process
	out     *output
	files   []string // that it was started from
	mark    string   // of them
	onEnd   func(how, said string, wanted bool)
	lost    chan struct{} // closed when it says no more

	sending sync.Mutex // held while a message is written

	mu      sync.Mutex // guards the following fields
	last    uint32     // number of a run
	scripts map[uint32]*warmScript
	retired bool // starts no more scripts
	dead    bool // says no more
}

// warmScript is a script that a parent has forked. It leads a process group.
type warmScript struct {
	parent  *warmParent
	number  uint32
	pid     int
	leader  handle // of use when the parent is no more
	started chan error
	exited  chan syscall.WaitStatus
}

var _ scriptProcess = (*warmScript)(nil)

// startWarmParent starts an interpreter and waits until it is ready. The caller sets onEnd and calls listen.
func startWarmParent(c *CGI, key warmKey) (_ *warmParent, err error) {
	if err := c.step("control"); err != nil {
		return nil, err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("open the channel to %s: %w", key.python, err)
	}
	err = unix.SetNonblock(ours, true) // for the runtime's poller; the other end has its own mode
	p := &warmParent{
		control: os.NewFile(uintptr(ours), "cgi:control"), files: []string{key.python},
		lost: make(chan struct{}), scripts: make(map[uint32]*warmScript),
	}
	remote := os.NewFile(uintptr(theirs), "cgi:control")
	defer remote.Close()
	defer func() {
		if err != nil {
			_ = p.control.Close()
		}
	}()
	if err == nil {
		err = p.launch(c, key, remote)
	}
	if err != nil {
		return nil, err
	}
	_ = remote.Close() // of which the interpreter has its own copy
	_ = p.control.SetReadDeadline(time.Now().Add(warmPatience))
	ready := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-c.stopping:
			_ = p.child.Kill()
		case <-ready:
		}
	}()
	kind, _, _, text, err := p.read(p.control)
	close(ready)
	<-watched
	if err == nil && kind != warmReady {
		err = fmt.Errorf("its first message is of kind %d", kind)
	}
	if err != nil {
		_ = p.child.Kill()
		how := reap(p.child)
		p.out.finish()
		return nil, fmt.Errorf("%s does not get ready: %w (%s) %s", key, err, how, strings.TrimSpace(p.out.tail()))
	}
	_ = p.control.SetReadDeadline(time.Time{})
	if _, program, ok := strings.Cut(text, "\x00"); ok {
		p.files = append(p.files, program) // what was named may be a script that finds it
	}
	p.mark = fileMark(p.files...)
	return p, nil
}

// launch starts the interpreter. Unlike other children it is not killed with the thread that starts it: it kills its own
// before it ends, which it does when control closes.
func (p *warmParent) launch(c *CGI, key warmKey, control *os.File) error {
	if err := c.step("boot"); err != nil {
		return err
	}
	boot, err := warmBootFile(c.env)
	if err != nil {
		return fmt.Errorf("pass %s its program: %w", key.python, err)
	}
	defer boot.Close()
	if err := c.step("out"); err != nil {
		return err
	}
	r, w, err := pipe()
	if err != nil {
		return err
	}
	said, theirs := os.NewFile(uintptr(r), "cgi:out"), os.NewFile(uintptr(w), "cgi:out")
	defer theirs.Close()
	argv := []string{key.python}
	if key.option != "" {
		argv = append(argv, key.option)
	}
	argv = append(argv, "-c", warmBoot, "highball: scripts are forked from here")
	attr := &os.ProcAttr{
		Dir: "/", Env: c.env, Sys: &syscall.SysProcAttr{Setpgid: true},
		Files: []*os.File{c.null, theirs, theirs, control, boot},
	}
	err = c.step("start")
	if err == nil {
		p.child, err = os.StartProcess(key.python, argv, attr)
	}
	if err != nil {
		_ = said.Close()
		return fmt.Errorf("start %s: %w", key.python, err)
	}
	p.out = readOutput(said, func(line []byte) {
		c.cfg.Logger.Warn("an interpreter of warm CGI says", "cgi", c.cfg.Name, "interpreter", key.String(), "line", string(bytes.ToValidUTF8(line, []byte("\uFFFD"))))
	})
	return nil
}

// warmBootFile returns an unlinked file with what warmBoot reads.
func warmBootFile(env []string) (*os.File, error) {
	f, err := unnamedFile()
	if err != nil {
		return nil, err
	}
	text := fmt.Appendf(nil, "%d\n%s%s", len(warmSource), warmSource, strings.Join(env, "\x00"))
	if _, err = f.Write(text); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// usable tells whether scripts can be started, as far as is known.
func (p *warmParent) usable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead && !p.retired
}

// current tells whether the interpreter is still what the parent was started from.
func (p *warmParent) current() bool { return fileMark(p.files...) == p.mark }

// retire has the parent end when its last script has.
func (p *warmParent) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	p.releaseLocked()
}

func (p *warmParent) releaseLocked() {
	if p.retired && len(p.scripts) == 0 {
		_ = p.control.Close() // it may be closed
	}
}

// read reads a message.
func (p *warmParent) read(from io.Reader) (kind, number uint32, value int32, text string, err error) {
	var h [warmHeader]byte
	if _, err := io.ReadFull(from, h[:]); err != nil {
		return 0, 0, 0, "", err
	}
	size := binary.LittleEndian.Uint32(h[12:])
	if size > warmText {
		return 0, 0, 0, "", fmt.Errorf("a message of %d bytes", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(from, b); err != nil {
		return 0, 0, 0, "", err
	}
	return binary.LittleEndian.Uint32(h[:]), binary.LittleEndian.Uint32(h[4:]), int32(binary.LittleEndian.Uint32(h[8:])), string(b), nil
}

// listen takes the parent's messages until its end, and clears up.
func (p *warmParent) listen() {
	from := bufio.NewReaderSize(p.control, 4<<10)
	for {
		kind, number, value, text, err := p.read(from)
		if err != nil {
			break
		}
		p.hear(kind, number, value, text)
	}
	p.mu.Lock()
	wanted := p.retired && len(p.scripts) == 0
	p.dead = true
	for _, s := range p.scripts {
		if s.pid != 0 {
			s.leader.killGroup() // nobody will tell how it ends
		}
	}
	p.mu.Unlock()
	_ = p.control.Close() // so that it ends, if it has not
	close(p.lost)
	patience := time.AfterFunc(linger, func() { _ = p.child.Kill() })
	how := reap(p.child)
	patience.Stop()
	p.out.finish()
	p.onEnd(how, strings.TrimSpace(p.out.tail()), wanted)
}

func (p *warmParent) hear(kind, number uint32, value int32, text string) {
	p.mu.Lock()
	s := p.scripts[number]
	p.mu.Unlock()
	if s == nil {
		return
	}
	switch kind {
	case warmStarted:
		s.pid, s.leader = int(value), openHandle(int(value))
		s.started <- nil
	case warmFailed:
		s.started <- syscall.Errno(value)
	case warmRefused:
		s.started <- &warmRefusal{text}
	case warmEnded:
		s.exited <- syscall.WaitStatus(value)
	}
}

// warmRefusal is that a script is better run cold.
type warmRefusal struct{ why string }

func (r *warmRefusal) Error() string { return "refused: " + r.why }

// appendWarm appends the header of a message.
func appendWarm(b []byte, kind, number uint32, value int32, size int) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	b = binary.LittleEndian.AppendUint32(b, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(value))
	return binary.LittleEndian.AppendUint32(b, uint32(size))
}

// tell sends a message, with descriptors. A parent that does not take it in time is killed.
func (p *warmParent) tell(message []byte, files ...int) error {
	p.sending.Lock()
	defer p.sending.Unlock()
	if err := p.control.SetWriteDeadline(time.Now().Add(forkPatience)); err != nil {
		return err
	}
	sent := 0
	if len(files) > 0 {
		conn, err := p.control.SyscallConn()
		if err != nil {
			return err
		}
		var failed error
		err = conn.Write(func(fd uintptr) bool {
			for {
				sent, failed = unix.SendmsgN(int(fd), message, unix.UnixRights(files...), nil, noSignal)
				if failed != unix.EINTR {
					return failed != unix.EAGAIN
				}
			}
		})
		if err = errors.Join(err, failed); err != nil {
			return p.unheard(err)
		}
	}
	if sent < len(message) {
		if _, err := p.control.Write(message[sent:]); err != nil {
			return p.unheard(err)
		}
	}
	return nil
}

// unheard ends a parent that err has happened with: it cannot know where the next message begins.
func (p *warmParent) unheard(err error) error {
	_ = p.child.Signal(syscall.SIGKILL) // it may have ended
	return err
}

// run starts a script, of which the descriptors are the standard streams. The error is errCold or a refusal if it is to be run in
// another way.
func (p *warmParent) run(s *script, env, args []string, files [3]int) (*warmScript, error) {
	text, err := runText(s, env, args)
	if err != nil {
		return nil, err
	}
	w := &warmScript{parent: p, started: make(chan error, 1), exited: make(chan syscall.WaitStatus, 1)}
	p.mu.Lock()
	if p.dead || p.retired {
		p.mu.Unlock()
		return nil, errCold
	}
	p.last++
	w.number = p.last
	p.scripts[w.number] = w
	p.mu.Unlock()
	message := append(appendWarm(make([]byte, 0, warmHeader+len(text)), warmRun, w.number, int32(len(args)), len(text)), text...)
	if err := p.tell(message, files[:]...); err != nil {
		w.forget()
		return nil, errCold
	}
	late := time.AfterFunc(forkPatience, func() { _ = p.unheard(nil) })
	defer late.Stop()
	select {
	case err = <-w.started:
	case <-p.lost:
		err = errWarmLost
	}
	if err != nil {
		if w.pid != 0 {
			w.leader.close()
		}
		w.forget()
		return nil, err
	}
	return w, nil
}

// runText returns the text of a RUN, with zero bytes between: file, arguments, folder to import from, folder to run in, and
// environment.
func runText(s *script, env, args []string) ([]byte, error) {
	real, err := filepath.EvalSymlinks(s.file) // as Python does
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(s.file)
	for _, words := range [][]string{args, {filepath.Dir(real), s.dir()}, env} {
		for _, word := range words {
			if strings.IndexByte(word, 0) >= 0 {
				return nil, syscall.EINVAL // as when a program is started
			}
			b.WriteByte(0)
			b.WriteString(word)
		}
	}
	return b.Bytes(), nil
}

// forget takes the script off the parent's list.
func (w *warmScript) forget() {
	w.parent.mu.Lock()
	defer w.parent.mu.Unlock()
	delete(w.parent.scripts, w.number)
	w.parent.releaseLocked()
}

func (w *warmScript) id() int { return w.pid }

// signal implements scriptProcess. The parent knows whether there is still a group.
func (w *warmScript) signal(sig syscall.Signal) {
	select {
	case <-w.parent.lost: // then wait kills it
	default:
		_ = w.parent.tell(appendWarm(nil, warmSignal, w.number, int32(sig), 0)) // a parent that hears nothing is killed
	}
}

// poll implements scriptProcess: the parent is asked in any case.
func (w *warmScript) poll(func() bool) (exit, bool) { return exit{}, false }

// wait implements scriptProcess. That the script is being ended the parent knows from the signal.
func (w *warmScript) wait(func() bool) exit {
	defer w.leader.close()
	defer w.forget()
	_ = w.parent.tell(appendWarm(nil, warmEnd, w.number, 0, 0)) // a parent that hears nothing is killed
	var status syscall.WaitStatus
	select {
	case status = <-w.exited:
	case <-w.parent.lost:
		select {
		case status = <-w.exited:
		default:
			return w.orphaned()
		}
	}
	return exit{text: describeEnd(status), ok: status == 0, signal: status.Signaled()}
}

// orphaned ends a script whose parent has died.
func (w *warmScript) orphaned() exit {
	w.leader.killGroup()
	w.leader.awaitEnd()
	reapAdopted(w.pid)
	return exit{text: errWarmLost.Error(), signal: true}
}
