//go:build !unix

package gateway

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// cgiSystem tells that scripts cannot run here: they depend on process groups and on how Unix starts programs.
func cgiSystem() error {
	return fmt.Errorf("CGI scripts cannot be run on %s: use a unix system, such as linux or wsl", runtime.GOOS)
}

// scriptProcess is a script's process.
type scriptProcess struct{}

func (p *scriptProcess) signal(syscall.Signal)        {}
func (p *scriptProcess) wait(ending func() bool) exit { return exit{} }

func (r *cgiRun) launch(env, args []string, stdin *os.File) error { return cgiSystem() }
