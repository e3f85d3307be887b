package app

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// The tests of this file are what a class expected of its students' servers, all of which read a web.conf.

func TestFourRequestsOnOneConnection(t *testing.T) {
	folder(t, "web/")
	write(t, "web/index.html", "<p>one")
	c := run(t, webConf(t, "host default web\nmedia html text/html\n")).dial(t)
	for i := range 4 {
		c.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, body := c.answer("GET")
		if res.StatusCode != 200 || body != "<p>one" {
			t.Fatalf("request %d: %s %q", i+1, res.Status, body)
		}
		for _, name := range []string{"Date", "Server", "Content-Type", "Content-Length", "Last-Modified"} {
			if len(res.Header[name]) != 1 {
				t.Errorf("request %d: %s: %q", i+1, name, res.Header[name])
			}
		}
	}
}

func TestFourRequestsAtOnce(t *testing.T) {
	folder(t, "web/")
	write(t, "web/f.html", "content")
	c := run(t, webConf(t, "host default web\n")).dial(t)
	c.send(strings.Repeat("GET /f.html HTTP/1.1\r\nHost: localhost\r\n\r\n", 4))
	for range 4 {
		if res, body := c.answer("GET"); res.StatusCode != 200 || body != "content" {
			t.Fatalf("%s %q", res.Status, body)
		}
	}
}

// TestPartialRequest has the beginning of a request wait on one connection while another one is served.
func TestPartialRequest(t *testing.T) {
	folder(t, "web/")
	write(t, "web/f.html", "content")
	l := run(t, webConf(t, "host default web\n"))
	a, b := l.dial(t), l.dial(t)
	a.send("GET")
	b.send("GET /f.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if res, body := b.answer("GET"); res.StatusCode != 200 || body != "content" {
		t.Fatalf("B: %s %q", res.Status, body)
	}
	a.send(" /f.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if res, body := a.answer("GET"); res.StatusCode != 200 || body != "content" {
		t.Fatalf("A: %s %q", res.Status, body)
	}
}

func TestFirstThousandBytes(t *testing.T) {
	folder(t, "web/")
	content := bytes.Repeat([]byte("0123456789"), 5000)
	write(t, "web/f.txt", string(content))
	c := run(t, webConf(t, "host default web\n")).dial(t)
	c.send("GET /f.txt HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-999\r\n\r\n")
	res, body := c.answer("GET")
	if res.StatusCode != 206 || body != string(content[:1000]) || res.Header.Get("Content-Range") != "bytes 0-999/50000" {
		t.Errorf("%s, %d bytes, Content-Range %q", res.Status, len(body), res.Header.Get("Content-Range"))
	}
}

func TestStatuses(t *testing.T) {
	folder(t, "web/", "web/folder/")
	write(t, "web/f.html", "content")
	l := run(t, webConf(t, "host default web\nmedia html text/html\nmedia htm text/html\n"))
	const host = "Host: localhost\r\n"
	for _, test := range []struct {
		name    string
		request string
		status  int
		closes  bool
	}{
		{"a file", "GET /f.html HTTP/1.1\r\n" + host, 200, false},
		{"a query", "GET /f.html?a=b HTTP/1.1\r\n" + host, 200, false},
		{"an encoded name", "GET /%66.html HTTP/1.1\r\n" + host, 200, false},
		{"a lower-case field name", "GET /f.html HTTP/1.1\r\nhost: localhost\r\n", 200, false},
		{"a host with a port", "GET /f.html HTTP/1.1\r\nHost: localhost:8080\r\n", 200, false},
		{"HTTP/1.0", "GET /f.html HTTP/1.0\r\n", 200, true},
		{"a condition", "GET /f.html HTTP/1.1\r\n" + host + "If-Modified-Since: " + time.Now().Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT") + "\r\n", 304, false},
		{"HEAD", "HEAD /f.html HTTP/1.1\r\n" + host, 200, false},
		{"HEAD of what is missing", "HEAD /none HTTP/1.1\r\n" + host, 404, false},
		{"what is missing", "GET /none HTTP/1.1\r\n" + host, 404, false},
		{"a way out", "GET /../web.conf HTTP/1.1\r\n" + host, 400, true},
		{"a folder", "GET /folder/ HTTP/1.1\r\n" + host, 403, false},
		{"another method", "DELETE /f.html HTTP/1.1\r\n" + host, 405, false},
		{"an unknown method", "BREW /f.html HTTP/1.1\r\n" + host, 501, false},
		{"no host", "GET /f.html HTTP/1.1\r\n", 400, true},
		{"no request at all", "hello\r\n", 400, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := l.dial(t)
			c.send(test.request + "\r\n")
			method, _, _ := strings.Cut(test.request, " ")
			res, body := c.answer(method)
			if res.StatusCode != test.status {
				t.Fatalf("%s, want %d", res.Status, test.status)
			}
			if test.status >= 400 {
				if (body == "") != (method == "HEAD") || res.Header.Get("Content-Type") != "text/html; charset=utf-8" {
					t.Errorf("the error has the type %q and the body %q", res.Header.Get("Content-Type"), body)
				}
			}
			if test.closes {
				if _, err := c.reader.ReadByte(); err == nil {
					t.Error("the connection stays open")
				}
				return
			}
			c.send("GET /f.html HTTP/1.1\r\n" + host + "\r\n")
			if res, body := c.answer("GET"); res.StatusCode != 200 || body != "content" {
				t.Errorf("the next request: %s %q", res.Status, body)
			}
		})
	}
}

func TestIdleTimeout(t *testing.T) {
	folder(t, "web/")
	write(t, "web/f.html", "content")
	c := run(t, webConf(t, "host default web\nparameter timeout 0.05\n")).dial(t)
	c.send("GET /f.html HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.answer("GET")
	if b, err := c.reader.ReadByte(); err == nil {
		t.Errorf("%q instead of the end of the connection", b)
	} else if fmt.Sprint(err) != "EOF" {
		t.Error(err)
	}
}
