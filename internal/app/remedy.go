package app

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// remedied returns err with what a person can do about it, if there is anything to say.
func remedied(err error, remedy string) error {
	if remedy == "" {
		return err
	}
	return fmt.Errorf("%w; %s", err, remedy)
}

// listenRemedy says what can be done where an address cannot be listened at.
func listenRemedy(network string, err error) string {
	switch {
	case network == "unix" && errors.Is(err, syscall.EADDRINUSE):
		return "a server listens there, or a file of that name is in the way"
	case network == "unix" && errors.Is(err, fs.ErrNotExist):
		return "make its folder first"
	case network == "unix":
		return ""
	case errors.Is(err, syscall.EADDRINUSE):
		return "end the server that listens there, or choose another port with -p (0 is any free one)"
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose another with -p"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no interface of this machine has that address; -b 0.0.0.0 is every interface"
	}
	return ""
}

// openRemedy says what can be done where a file or folder of a configuration cannot be opened.
func openRemedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "make its folder first"
	case errors.Is(err, fs.ErrPermission):
		return "the server's user needs the permission"
	case errors.Is(err, syscall.EISDIR):
		return "name a file in it"
	}
	return ""
}
