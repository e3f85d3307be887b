// Command floor is the least that a server written in Go can do: one epoll loop on one thread that looks for the blank
// lines which end requests and answers each with the same prebuilt response, in one write per read. It parses nothing,
// keeps no state for a connection and has no deadlines; what it costs is the kernel's share of every other server.
//
// It is no HTTP server: it takes for granted that a request arrives in one piece and that the client reads its answers.
//
//	floor ADDRESS
package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// burst is the most requests that are answered with one write, and so the deepest pipelining that works.
const burst = 64

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor ADDRESS")
		os.Exit(2)
	}
	if err := serve(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func serve(address string) error {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	listener, err := listen(addr)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", addr, err)
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	if err := watch(poll, listener); err != nil {
		return err
	}

	response := "HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n" +
		"Content-Type: text/html; charset=utf-8\r\nContent-Length: 1024\r\n" +
		"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nETag: \"00000000-400\"\r\nAccept-Ranges: bytes\r\n\r\n" +
		strings.Repeat("x", 1024)
	responses := []byte(strings.Repeat(response, burst))
	blank := []byte("\r\n\r\n")
	buffer := make([]byte, 64<<10)
	events := make([]unix.EpollEvent, 256)
	for {
		n, err := unix.EpollWait(poll, events, -1)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("epoll_wait: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			fd := int(event.Fd)
			if fd == listener {
				if err := accept(poll, listener); err != nil {
					return err
				}
				continue
			}
			n, err := unix.Read(fd, buffer)
			if err == unix.EAGAIN {
				continue
			}
			if err != nil || n == 0 {
				unix.Close(fd)
				continue
			}
			size := len(response) * min(bytes.Count(buffer[:n], blank), burst)
			if n, err := unix.Write(fd, responses[:size]); err != nil || n < size {
				unix.Close(fd)
			}
		}
	}
}

func listen(addr netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 4096)
}

// accept takes all connections that wait. Running out of descriptors is an error: nothing would be left to measure.
func accept(poll, listener int) error {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch err {
		case nil:
		case unix.EAGAIN:
			return nil
		case unix.ECONNABORTED, unix.EINTR:
			continue
		default:
			return fmt.Errorf("accept: %w", err)
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			unix.Close(fd)
			continue
		}
		if err := watch(poll, fd); err != nil {
			return err
		}
	}
}

// watch asks for a readable event of fd.
func watch(poll, fd int) error {
	return unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}
