package app

import (
	"bytes"
	"net"
	"os"
	"testing"

	"highball/internal/gateway"
)

func tcp(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }

func prefix(s string) net.Addr {
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return &net.IPNet{IP: ip, Mask: n.Mask}
}

func TestBannerInAPipe(t *testing.T) {
	interfaces := []net.Addr{prefix("127.0.0.1/8"), prefix("192.0.2.7/24"), prefix("2001:db8::7/64"), prefix("fe80::1/64"), prefix("::1/128")}
	for name, test := range map[string]struct {
		subject string
		addrs   []net.Addr
		want    string
	}{
		"loopback": {
			"/srv/public", []net.Addr{tcp("127.0.0.1", 8000)},
			"highball: serving /srv/public at http://127.0.0.1:8000/; Ctrl-C stops\n",
		},
		"IPv6 loopback": {
			"/srv/public", []net.Addr{tcp("::1", 8000)},
			"highball: serving /srv/public at http://[::1]:8000/; Ctrl-C stops\n",
		},
		"a name to be quoted": {
			"/srv/two words\x1b", []net.Addr{tcp("127.0.0.1", 80)},
			`highball: serving "/srv/two words\x1b" at http://127.0.0.1:80/; Ctrl-C stops` + "\n",
		},
		"one address of the network": {
			"/srv", []net.Addr{tcp("192.0.2.7", 80)},
			"highball: serving /srv at http://192.0.2.7:80/ (reachable from the network); Ctrl-C stops\n",
		},
		"every IPv4 interface": {
			"/srv", []net.Addr{tcp("0.0.0.0", 80)},
			"highball: serving /srv at http://127.0.0.1:80/ http://192.0.2.7:80/ (reachable from the network); Ctrl-C stops\n",
		},
		"every interface": {
			"/srv", []net.Addr{tcp("::", 80)},
			"highball: serving /srv at http://127.0.0.1:80/ http://192.0.2.7:80/ http://[2001:db8::7]:80/ (reachable from the network); Ctrl-C stops\n",
		},
		"a socket": {
			"/srv", []net.Addr{tcp("127.0.0.1", 80), &net.UnixAddr{Name: "/run/hb.sock", Net: "unix"}},
			"highball: serving /srv at http://127.0.0.1:80/ unix:/run/hb.sock; Ctrl-C stops\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := newBanner(test.subject, test.addrs, interfaces).text(terminal{}); got != test.want {
				t.Errorf("got  %swant %s", got, test.want)
			}
		})
	}
}

func TestBannerListsFewInterfaces(t *testing.T) {
	var interfaces []net.Addr
	for range 100 {
		interfaces = append(interfaces, prefix("192.0.2.7/24"))
	}
	if got := len(newBanner("/", []net.Addr{tcp("0.0.0.0", 1)}, interfaces).urls); got != maxInterfaces+1 {
		t.Errorf("%d URLs", got)
	}
}

func TestBannerOnATerminal(t *testing.T) {
	b := newBanner("/srv", []net.Addr{tcp("127.0.0.1", 8000), tcp("127.0.0.1", 8001)}, nil)
	want := "\n  highball\n\n" +
		"  serving    /srv\n" +
		"  at         http://127.0.0.1:8000/\n" +
		"             http://127.0.0.1:8001/\n" +
		"  open to    this machine only\n" +
		"  stop       Ctrl-C\n\n"
	if got := b.text(terminal{pretty: true}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	colourful := b.text(terminal{pretty: true, colour: true})
	if !bytes.Contains([]byte(colourful), []byte("\x1b[4;36mhttp://127.0.0.1:8000/\x1b[0m")) {
		t.Errorf("no colour in %q", colourful)
	}
}

func TestBannerOfAnApplication(t *testing.T) {
	b := newBanner("shop.wsgi:app", []net.Addr{tcp("127.0.0.1", 8000), &net.UnixAddr{Name: "/run/hb.sock", Net: "unix"}}, nil)
	b.addPool(gateway.Description{Interpreter: "/srv/two words/python", Version: "CPython 3.13.1", App: "shop.wsgi:app", Workers: 4, Threads: 2})
	b.folders = []string{"/static/", "/media/"}
	b.extend("/größe/")
	want := `highball: serving shop.wsgi:app, CPython 3.13.1 ("/srv/two words/python"), 4 workers of 2 threads, files at /static/ /media/, ` +
		"at http://127.0.0.1:8000/gr%C3%B6%C3%9Fe/ unix:/run/hb.sock; Ctrl-C stops\n"
	if got := b.text(terminal{}); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
	want = "\n  highball\n\n" +
		"  serving    shop.wsgi:app\n" +
		"  Python     CPython 3.13.1 (\"/srv/two words/python\")\n" +
		"  workers    4 workers of 2 threads\n" +
		"  files at   /static/ /media/\n" +
		"  at         http://127.0.0.1:8000/gr%C3%B6%C3%9Fe/\n" +
		"             unix:/run/hb.sock\n" +
		"  open to    this machine only\n" +
		"  stop       Ctrl-C\n\n"
	if got := b.text(terminal{pretty: true}); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestBannerOfOneWorker(t *testing.T) {
	b := newBanner("shop", []net.Addr{tcp("127.0.0.1", 80)}, nil)
	b.addPool(gateway.Description{Interpreter: "/usr/bin/python3", Version: "CPython 3.8.0", App: "shop:app", Workers: 1, Threads: 1})
	want := "highball: serving shop, CPython 3.8.0 (/usr/bin/python3), 1 worker, at http://127.0.0.1:80/; Ctrl-C stops\n"
	if got := b.text(terminal{}); got != want {
		t.Errorf("got  %swant %s", got, want)
	}
}

func TestTerminal(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	_, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	for _, test := range []struct {
		name    string
		file    *os.File
		environ []string
		want    terminal
	}{
		{"a pipe", pipe, nil, terminal{}},
		{"a terminal", device, []string{"TERM=xterm"}, terminal{pretty: true, colour: true}},
		{"NO_COLOR", device, []string{"TERM=xterm", "NO_COLOR=1"}, terminal{pretty: true}},
		{"an empty NO_COLOR", device, []string{"NO_COLOR="}, terminal{pretty: true, colour: true}},
		{"a dumb terminal", device, []string{"TERM=xterm", "TERM=dumb"}, terminal{pretty: true}},
	} {
		if got := terminalOf(test.file, test.environ); got != test.want {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	if got := terminalOf(new(bytes.Buffer), nil); got != (terminal{}) {
		t.Errorf("a buffer: %+v", got)
	}
}

func TestBrowserCommand(t *testing.T) {
	const url = "http://127.0.0.1:1/?a&b"
	for goos, want := range map[string]string{"linux": "xdg-open", "freebsd": "xdg-open", "darwin": "open", "windows": "rundll32"} {
		args := browserCommand(goos, url).Args
		if args[0] != want || args[len(args)-1] != url {
			t.Errorf("%s: %q", goos, args)
		}
	}
}
