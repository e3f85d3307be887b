package app

import (
	"fmt"
	"io"
	"sync"

	"highball/internal/config"
	"highball/internal/observe"
)

// accessLog is where the access log is written to: a file, or the standard output. A reload may change it.
type accessLog struct {
	mu   sync.Mutex // guards the following fields
	file *observe.File
	out  io.Writer // where file is nil
}

// openAccessLog opens the access log and hands it to the server.
func (a *App) openAccessLog(l config.Log) error {
	if l.Access == "off" {
		a.server.AccessFormat = ""
		return nil
	}
	file, err := openLogFile(l.AccessFile)
	if err != nil {
		return err
	}
	a.access = &accessLog{file: file, out: a.env.Stdout}
	a.server.AccessLog = a.access
	return nil
}

// openLogFile opens the file of the access log, nil where it has none.
func openLogFile(path string) (*observe.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := observe.OpenFile(path)
	if err != nil {
		return nil, remedied(fmt.Errorf("access log: %w", err), openRemedy(err))
	}
	return file, nil
}

// Write implements io.Writer.
func (l *accessLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return l.file.Write(p)
	}
	return l.out.Write(p)
}

// change has what comes from now on written to a file, or to the standard output where it is nil, and returns the file from before.
func (l *accessLog) change(file *observe.File) *observe.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.file
	l.file = file
	return before
}

// present returns the file that is written to, or nil.
func (l *accessLog) present() *observe.File {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file
}

// Close closes the file.
func (l *accessLog) Close() error { return closeLogFile(l.change(nil)) }

func closeLogFile(file *observe.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}

// reopen opens the access log's file anew, after it was renamed.
func (a *App) reopen() {
	var file *observe.File
	if a.access != nil {
		file = a.access.present()
	}
	if file == nil {
		a.log.Info("there is no log file to open anew")
		return
	}
	if err := file.Reopen(); err != nil {
		a.log.Error("the access log could not be opened anew", "error", err)
		return
	}
	a.log.Info("opened the access log anew")
}
