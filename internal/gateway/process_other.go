//go:build !unix

package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// errSystem tells that workers cannot run here: their channels are made of what Unix has.
var errSystem = fmt.Errorf("python applications cannot be served on %s: use a unix system, such as linux or wsl", runtime.GOOS)

var errNoDescriptor = errors.New("the worker has sent no descriptor")

func (i *Identity) attributes() *syscall.SysProcAttr { return nil }

func launch(*launchSpec) (*process, error) { return nil, errSystem }

func (p *process) sendDescriptor(*os.File) error { return errSystem }

func (p *process) receiveDescriptor() (*os.File, error) { return nil, errNoDescriptor }

// A parent is a process that workers are forked from.
type parent struct{ *process }

func becomeParent(p *process) *parent { return &parent{p} }

func (f *parent) fork(context.Context, *launchSpec) (*process, error) { return nil, errSystem }

// drain reads nothing.
func drain(*os.File, int, func([]byte)) {}

func (f *parent) forks() bool { return false }

// stackSignal is not sent here.
const stackSignal = 0

// A handle refers to a process.
type handle struct{}

func (h handle) close()                      {}
func (h handle) signal(syscall.Signal) error { return errSystem }
func (h handle) killGroup()                  {}

func residentMemory(int) int64 { return -1 }

func (p *process) naps(int) int { return -1 }
