//go:build !linux

package highball

import (
	"fmt"
	"net"
	"os"
	"strings"
)

func (s *Server) drive(b *binding) (driver, error) { return s.driveBlocking(b), nil }

func (b *binding) closeSockets() {}

func (s *Server) takeOver(l net.Listener) (*binding, error) {
	return &binding{listener: l, addr: l.Addr()}, nil
}

func (s *Server) bind(addr string) (*binding, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	} else if _, err := resolve(addr); err != nil {
		return nil, err
	}
	l, err := net.Listen(network, addr)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", addr, err)
	}
	return &binding{listener: l, addr: l.Addr()}, nil
}

func (s *Server) adopt(files []*os.File) (*binding, error) {
	l, err := net.FileListener(files[0])
	if err != nil {
		return nil, err
	}
	return &binding{listener: l, addr: l.Addr()}, nil
}
