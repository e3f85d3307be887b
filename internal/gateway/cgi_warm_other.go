//go:build !unix

package gateway

import "io/fs"

// warmParent is a prepared interpreter, which there is none of here.
type warmParent struct {
	onEnd func(how, said string, wanted bool)
}

func startWarmParent(*CGI, warmKey) (*warmParent, error) { return nil, cgiSystem() }

func (p *warmParent) usable() bool  { return false }
func (p *warmParent) current() bool { return false }
func (p *warmParent) retire()       {}
func (p *warmParent) listen()       {}

// fileNumber is not known.
func fileNumber(fs.FileInfo) string { return "" }
