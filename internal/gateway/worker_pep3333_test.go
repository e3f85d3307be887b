//go:build linux

package gateway

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// These tests follow PEP 3333. Their application is testdata/worker/spec.py, where each path is a case.

// TestWorkerResponses has what an application returns, and the frames that it becomes.
func TestWorkerResponses(t *testing.T) {
	const plain = "Content-Type: text/plain"
	long := strings.Repeat("x", 3000000)
	tests := []struct {
		path    string
		method  string
		kinds   string
		status  string
		headers string
		body    string
	}{
		{path: "/hello", kinds: "WHOLE", headers: plain + "; Content-Length: 5", body: "hello"},
		{path: "/list-of-blocks", kinds: "WHOLE", headers: plain, body: "abc"},
		{path: "/tuple-of-blocks", kinds: "WHOLE", headers: plain, body: "abc"},
		{path: "/empty-list", kinds: "WHOLE", headers: plain},
		{path: "/generator", kinds: "HEAD DATA END", headers: plain, body: "onetwo"},
		{path: "/empty-generator", kinds: "WHOLE", headers: plain},
		{path: "/lazy", kinds: "HEAD END", status: "201 Created", headers: plain, body: "late"},
		{path: "/sized-one", kinds: "WHOLE", headers: plain, body: "only"},
		{path: "/declared-block", kinds: "WHOLE", headers: "Content-Length: 4", body: "four"},
		{path: "/latin", kinds: "WHOLE", status: "200 Tr\xe8s bien", headers: "X-Name: caf\xe9\tau lait; X-Empty: "},

		// Content-Length: what is too much is cut.
		{path: "/excess", kinds: "WHOLE", headers: "Content-Length: 3", body: "fou"},
		{path: "/excess-streamed", kinds: "HEAD DATA END", headers: "Content-Length: 3", body: "abc"},
		{path: "/excess-behind-all", kinds: "WHOLE", headers: "Content-Length: 4", body: "four"},
		{path: "/excess-as-long", kinds: "HEAD DATA END", headers: "Content-Length: 4", body: "four"},
		{path: "/declared-block", method: "HEAD", kinds: "WHOLE", headers: "Content-Length: 4", body: ""},

		// No body, whatever the application gives; its length stays that of the body for GET.
		{path: "/hello", method: "HEAD", kinds: "WHOLE", headers: plain + "; Content-Length: 5"},
		{path: "/head-list", method: "HEAD", kinds: "WHOLE", headers: plain + "; Content-Length: 5"},
		{path: "/shortage-empty", method: "HEAD", kinds: "WHOLE", headers: "Content-Length: 9"},
		{path: "/empty-list", method: "HEAD", kinds: "WHOLE", headers: plain},
		{path: "/generator", method: "HEAD", kinds: "WHOLE", headers: plain},
		{path: "/big-block", method: "HEAD", kinds: "WHOLE", headers: "Content-Length: 3000000"},
		{path: "/file", method: "HEAD", kinds: "WHOLE", headers: "Content-Length: 10"},
		{path: "/no-content", kinds: "WHOLE", status: "204 No Content"},
		{path: "/not-modified", kinds: "WHOLE", status: "304 Not Modified", headers: "Content-Length: 99"},

		// More than 256 KiB go by a file, as far as they are known to be all.
		{path: "/big-list", kinds: "FILE", headers: plain, body: long},
		{path: "/big-block", kinds: "FILE", headers: "Content-Length: 3000000", body: long},
		{path: "/big-blocks", kinds: "HEAD DATA DATA DATA END", headers: plain, body: long},

		// write() sends at once, and what is returned follows.
		{path: "/writes", kinds: "HEAD DATA DATA END", headers: plain, body: "written twice returned"},
		{path: "/writes-only", kinds: "HEAD END", headers: plain, body: "written"},

		// exc_info replaces a head that has not left.
		{path: "/replaced", kinds: "WHOLE", status: "500 Oops", headers: "X-Error: yes", body: "sorry"},
		{path: "/replaced-after-empty", kinds: "HEAD END", status: "500 Oops", body: "reached"},

		// file_wrapper without a plain file is read.
		{path: "/file-memory", kinds: "HEAD DATA DATA END", body: "0123456789"},
		{path: "/file-gzip", kinds: "HEAD DATA END", body: "unpacked"},
		{path: "/file-pipe", kinds: "HEAD END", headers: plain, body: "through a pipe"},
		{path: "/file-after-write", kinds: "HEAD DATA DATA DATA END", headers: plain, body: "before 0123456789"},
		{path: "/file-empty", kinds: "WHOLE"},
	}
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		for _, test := range tests {
			name := strings.TrimSpace(test.method + " " + test.path)
			if test.path == "/file-after-write" {
				test.kinds = "HEAD DATA END" // the wrapper's block size is its own there
			}
			if test.status == "" {
				test.status = "200 OK"
			}
			a := r.ask(rigReq{method: test.method, path: test.path})
			if a.kinds != test.kinds || a.status != test.status || a.headers != test.headers || a.body != test.body {
				t.Errorf("%s:\n got %s %q %q %.100q %+v\nwant %s %q %q %.100q", name, a.kinds, a.status, a.headers, a.body, a.fail,
					test.kinds, test.status, test.headers, test.body)
			}
		}
	})
}

// TestWorkerWithoutFiles: what would go by a file goes by frames where no file can be made or written, of at most 256 KiB, or 1 MiB of DATA.
func TestWorkerWithoutFiles(t *testing.T) {
	long := strings.Repeat("x", 3000000)
	for name, test := range map[string]struct{ before, temporary string }{
		"no folder": {"/hello", "/nonexistent"},
		"no room":   {"/limit-files", ""},
	} {
		r := readyRig(t, python3(t), rigConfig(t, "spec:app"), "TMPDIR="+test.temporary)
		r.ask(rigReq{path: test.before})
		before := r.ask(rigReq{path: "/descriptors"}).body
		for _, path := range []string{"/big-list", "/big-block"} {
			if a := r.ask(rigReq{path: path}); a.kinds != "HEAD DATA DATA DATA END" || a.body != long {
				t.Errorf("%s, %s: %s, %d bytes", name, path, a.kinds, len(a.body))
			}
		}
		if after := r.ask(rigReq{path: "/descriptors"}).body; after != before {
			t.Errorf("%s: %s descriptors were open, now %s", name, before, after)
		}
	}
}

// TestWorkerRemovesNames: where files without names cannot be made, those that are made have lost theirs.
func TestWorkerRemovesNames(t *testing.T) {
	dir := t.TempDir()
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"), "TMPDIR="+dir)
	r.ask(rigReq{path: "/no-tmpfile"})
	if a := r.ask(rigReq{path: "/big-list"}); a.kinds != "FILE" || len(a.body) != 3000000 {
		t.Errorf("%s, %d bytes", a.kinds, len(a.body))
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestWorkerFailures has what an application does wrong, and what is said of it.
func TestWorkerFailures(t *testing.T) {
	tests := []struct {
		path  string
		kinds string
		error string
	}{
		{"/bad-status-int", "FAIL", "TypeError: the status must be a str"},
		{"/bad-status-bytes", "FAIL", "TypeError: the status must be a str"},
		{"/bad-status-no-text", "FAIL", "ValueError: the status must be a final code, a space, and a text"},
		{"/bad-status-letters", "FAIL", "ValueError: the status"},
		{"/bad-status-100", "FAIL", "ValueError: the status"},
		{"/bad-status-crlf", "FAIL", "ValueError: the status"},
		{"/bad-status-wide", "FAIL", "ValueError: the status"},
		{"/bad-headers-tuple", "FAIL", "TypeError: the response headers must be a list, not tuple"},
		{"/bad-headers-none", "FAIL", "TypeError: the response headers must be a list, not NoneType"},
		{"/bad-pair-list", "FAIL", "TypeError: a response header must be a tuple (name, value)"},
		{"/bad-pair-three", "FAIL", "TypeError: a response header must be a tuple (name, value)"},
		{"/bad-pair-bytes", "FAIL", "TypeError: name and value of a response header must be str"},
		{"/bad-value-int", "FAIL", "TypeError: name and value of a response header must be str"},
		{"/bad-value-none", "FAIL", "TypeError: name and value of a response header must be str"},
		{"/bad-value-crlf", "FAIL", "ValueError: the value of header A has a control"},
		{"/bad-value-lf", "FAIL", "ValueError: the value of header A has a control"},
		{"/bad-value-nul", "FAIL", "ValueError: the value of header A has a control"},
		{"/bad-value-del", "FAIL", "ValueError: the value of header A has a control"},
		{"/bad-value-wide", "FAIL", "ValueError: the value of header A has a control or non-latin-1"},
		{"/bad-name-empty", "FAIL", "ValueError: '' is not the name of a header"},
		{"/bad-name-colon", "FAIL", "ValueError: 'A:' is not the name of a header"},
		{"/bad-name-space", "FAIL", "ValueError: 'A ' is not the name of a header"},
		{"/bad-name-crlf", "FAIL", `ValueError: 'A\r\nB' is not the name of a header`},
		{"/bad-hop-connection", "FAIL", "ValueError: header Connection concerns the connection"},
		{"/bad-hop-te", "FAIL", "ValueError: header transfer-encoding concerns the connection"},
		{"/bad-hop-upgrade", "FAIL", "ValueError: header Upgrade concerns the connection"},
		{"/bad-length-sign", "FAIL", "ValueError: Content-Length is not a number"},
		{"/bad-length-empty", "FAIL", "ValueError: Content-Length is not a number"},
		{"/bad-length-twice", "FAIL", "ValueError: there is more than one Content-Length"},

		{"/twice", "FAIL", "AssertionError: start_response was called again without exc_info"},
		{"/replaced-too-late", "HEAD FAIL", "RuntimeError: too late"},
		{"/never-started", "FAIL", "AssertionError: the application gave a body before it called start_response"},
		{"/never-started-streamed", "FAIL", "AssertionError: the application gave a body before it called start_response"},
		{"/never-started-empty", "FAIL", "AssertionError: the application ended without calling start_response"},

		{"/returns-none", "FAIL", "TypeError: the application returned NoneType, not an iterable of bytes"},
		{"/returns-str", "FAIL", "TypeError: the application returned str, not an iterable of bytes"},
		{"/returns-bytes", "FAIL", "TypeError: the application returned bytes, not an iterable of bytes"},
		{"/returns-int", "FAIL", "TypeError: 'int' object is not iterable"},
		{"/returns-str-block", "FAIL", "TypeError: the blocks of a body must be bytes, not str"},
		{"/returns-int-block", "FAIL", "TypeError: the blocks of a body must be bytes, not int"},
		{"/returns-array-block", "FAIL", "TypeError: the blocks of a body must be bytes, not bytearray"},
		{"/returns-str-later", "FAIL", "TypeError: the blocks of a body must be bytes, not str"},
		{"/write-str", "FAIL", "TypeError: write() takes bytes, not str"},
		{"/file-text", "FAIL", "TypeError: the blocks of a body must be bytes, not str"},

		{"/shortage", "FAIL", "ValueError: the application declared a Content-Length of 9 and gave 4 bytes"},
		{"/shortage-streamed", "HEAD DATA FAIL", "ValueError: the application declared a Content-Length of 9 and gave 4 bytes"},
		{"/shortage-empty", "FAIL", "ValueError: the application declared a Content-Length of 9 and gave 0 bytes"},
		{"/file-short", "FAIL", "ValueError: the application declared a Content-Length of 3 and gave 2 bytes"},

		{"/raises", "FAIL", "ValueError: a message with <b>markup</b>"},
		{"/raises-exit", "FAIL", "SystemExit: leaving"},
		{"/raises-interrupt", "FAIL", "KeyboardInterrupt"},
		{"/raises-deep", "FAIL", "RecursionError: maximum recursion depth exceeded"},
		{"/raises-first", "FAIL", "ValueError: at the first block"},
		{"/raises-streaming", "HEAD FAIL", "ValueError: in the middle"},
	}
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		for _, test := range tests {
			for range 2 { // the second finds what the first may have left in a cache
				a := r.ask(rigReq{path: test.path})
				if a.kinds != test.kinds || !strings.HasPrefix(a.fail.Error, test.error) {
					t.Errorf("%s:\n got %s %q\nwant %s %q", test.path, a.kinds, a.fail.Error, test.kinds, test.error)
				}
				if strings.Contains(a.fail.Traceback, "<highball>") || a.fail.Debug != nil {
					t.Errorf("%s: the server's own frames, or debug data that was not asked for: %+v", test.path, a.fail)
				}
			}
		}
		if a := r.ask(rigReq{path: "/hello"}); a.body != "hello" {
			t.Errorf("after all that: %+v", a)
		}
		want := 2 * strings.Count(fmt.Sprint(tests), "/bad-")
		if n := strings.Count(r.output.String(), "raised at the call\n"); n != want {
			t.Errorf("%d of %d errors were raised by start_response itself", n, want)
		}
	})
}

// TestWorkerClose: close() is called whatever happens, and once.
func TestWorkerClose(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	for _, path := range []string{"/closes", "/closes-unstarted", "/closes-bad-block", "/raises-first", "/raises-streaming",
		"/declared-block", "/file-counted"} {
		for _, method := range []string{"GET", "HEAD"} {
			r.ask(rigReq{path: path, method: method})
			if a := r.ask(rigReq{path: "/closed-so-far"}); a.body != path {
				t.Errorf("%s %s: closed %q", method, path, a.body)
			}
		}
	}
	if a := r.ask(rigReq{path: "/close-fails"}); a.kinds != "HEAD END" || a.body != "fine" {
		t.Errorf("a failing close() changes the response: %+v", a)
	}
	if a := r.ask(rigReq{path: "/raises-after"}); a.kinds != "WHOLE" || a.body != "all" {
		t.Errorf("what comes after a complete response changes it: %+v", a)
	}
	r.stop()
	r.wait()
	for _, text := range []string{"ValueError: close has failed", "ValueError: after all of it"} {
		if !strings.Contains(r.output.String(), text) {
			t.Errorf("the log has no %q", text)
		}
	}
}

// TestWorkerExcessIsLogged: once for the application, not once a request.
func TestWorkerExcessIsLogged(t *testing.T) {
	r := readyRig(t, python3(t), rigConfig(t, "spec:app"))
	for range 3 {
		r.ask(rigReq{path: "/excess"})
	}
	r.stop()
	r.wait()
	if n := strings.Count(r.output.String(), "more than its Content-Length"); n != 1 {
		t.Errorf("it is logged %d times", n)
	}
}

// TestWorkerEnviron: the keys are these and no others, and the environ belongs to the application.
func TestWorkerEnviron(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		const common = "('HTTP_X_REQUEST_ID', 'test-1-1'), ('PATH_INFO', '/environ'), ('QUERY_STRING', 'caf\xc3\xa9'), ('RAW_URI', '/environ?caf\xc3\xa9'), " +
			"('REMOTE_ADDR', '192.0.2.7'), ('REMOTE_PORT', '50000'), ('REQUEST_METHOD', '%s'), ('SCRIPT_NAME', '/mount'), " +
			"('SERVER_NAME', 'example.org'), ('SERVER_PORT', '8000'), ('SERVER_PROTOCOL', 'HTTP/1.1'), " +
			"('SERVER_SOFTWARE', 'highball/test'), ('wsgi.errors', 'TextIOWrapper'), ('wsgi.file_wrapper', 'type'), " +
			"('wsgi.input', 'BytesIO'), ('wsgi.input_terminated', True), ('wsgi.multiprocess', False), " +
			"('wsgi.multithread', False), ('wsgi.run_once', False), ('wsgi.url_scheme', 'http'), ('wsgi.version', (1, 0))])"
		for range 2 { // the second has nothing from the first
			a := r.ask(rigReq{path: "/environ", query: "caf\u00e9"})
			if want := "(True, [('HTTP_HOST', 'example.org:8000'), " + fmt.Sprintf(common, "GET"); a.body != want {
				t.Errorf("without a body:\n got %s\nwant %s", a.body, want)
			}
			a = r.ask(rigReq{path: "/environ", query: "caf\u00e9", method: "POST", body: "abc", headers: "HTTP_X_ONE=1 HTTP_COOKIE=a;b"})
			if want := "(True, [('CONTENT_LENGTH', '3'), ('CONTENT_TYPE', 'text/plain'), ('HTTP_COOKIE', 'a;b'), " +
				"('HTTP_HOST', 'example.org:8000'), ('HTTP_X_ONE', '1'), " + fmt.Sprintf(common, "POST"); a.body != want {
				t.Errorf("with a body:\n got %s\nwant %s", a.body, want)
			}
		}
	})
}

// TestWorkerInput: wsgi.input ends where the body ends, whether that is in memory or in a file.
func TestWorkerInput(t *testing.T) {
	const body = "one\ntwo\nthree\nfour"
	const reads = `[b'one', b'\n', b'tw', [b'o\n', b'three\n', b'four'], b'', b'', b'', [], []]`
	const lines = `[b'one\n', b'two\n', b'three\n', b'four']`
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		before := r.ask(rigReq{path: "/descriptors"}).body
		for _, file := range []bool{false, true} {
			if a := r.ask(rigReq{path: "/input-reads", body: body, file: file}); a.body != reads {
				t.Errorf("file %t: got %s, want %s", file, a.body, reads)
			}
			if a := r.ask(rigReq{path: "/input-iterates", body: body, file: file}); a.body != lines {
				t.Errorf("file %t: got %s, want %s", file, a.body, lines)
			}
			if a := r.ask(rigReq{path: "/input-unread", body: body, file: file}); a.kinds != "WHOLE" {
				t.Errorf("file %t: %+v", file, a)
			}
			if a := r.ask(rigReq{path: "/raises", body: body, file: file}); a.kinds != "FAIL" {
				t.Errorf("file %t: %+v", file, a)
			}
		}
		if a := r.ask(rigReq{path: "/input-iterates"}); a.body != "[]" {
			t.Errorf("without a body: %s", a.body)
		}
		if after := r.ask(rigReq{path: "/descriptors"}).body; after != before {
			t.Errorf("%s descriptors were open, now %s", before, after)
		}
	})
}

// TestWorkerFileWrapper: a plain file leaves as a descriptor, from where it stands.
func TestWorkerFileWrapper(t *testing.T) {
	tests := []struct {
		path    string
		headers string
		offset  uint64
		length  int64
	}{
		{"/file", "", 0, -1},
		{"/file-offset", "", 4, -1},
		{"/file-declared", "Content-Length: 3", 2, 3},
		{"/file-named", "", 1, -1},
	}
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		before := r.ask(rigReq{path: "/descriptors"}).body
		for _, test := range tests {
			a := r.ask(rigReq{path: test.path})
			if a.kinds != "FILE" || a.headers != test.headers || a.offset != test.offset || a.length != test.length {
				t.Errorf("%s: got %+v", test.path, a)
				continue
			}
			content := make([]byte, 20)
			if n, _ := a.file.ReadAt(content, 0); string(content[:n]) != "0123456789" { // io.EOF, or a wrong content
				t.Errorf("%s: the file has %q", test.path, content[:n])
			}
		}
		if after := r.ask(rigReq{path: "/descriptors"}).body; after != before {
			t.Errorf("%s descriptors were open, now %s", before, after)
		}
	})
}

// TestWorkerNoDelay: a block is sent before the next is asked for, and a complete response before the application is given time.
func TestWorkerNoDelay(t *testing.T) {
	for _, threads := range []int{1, 2} {
		config := rigConfig(t, "spec:app")
		config.Threads = threads
		r := readyRig(t, python3(t), config)
		gate := filepath.Join(t.TempDir(), "gate")
		r.send(rigReq{path: "/gated", query: gate})
		if f := r.want(rigHead); string(f.body) != "first" {
			t.Errorf("the first block is %q", f.body)
		}
		openGate(t, gate)
		if a := r.answer(); a.body != "second" {
			t.Errorf("the rest is %+v", a)
		}

		for _, test := range []struct{ method, kinds string }{{"GET", "WHOLE"}, {"POST", "HEAD END"}} {
			gate += "+"
			r.send(rigReq{path: "/gated-close", method: test.method, query: gate})
			if a := r.answer(); a.kinds != test.kinds || a.body != "all" {
				t.Errorf("before close() there is %+v", a)
			}
			openGate(t, gate)
		}

		// A response does not wait for the next request either, before it is known that those are quick.
		gate += "+"
		quick := r.encode(rigReq{path: "/hello"})
		r.write(append(quick, r.encode(rigReq{path: "/waits", query: gate})...))
		if f := r.want(rigWhole); f.id != r.lastID-1 {
			t.Errorf("instead of the first comes %s", f)
		}
		openGate(t, gate)
		if a := r.answer(); a.body != "waited" {
			t.Errorf("the second is %+v", a)
		}
	}
}

func openGate(t *testing.T, gate string) {
	t.Helper()
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestWorkerValidator: wsgiref.validate, which checks both sides, has no complaint.
func TestWorkerValidator(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		for _, threads := range []int{1, 2} {
			config := rigConfig(t, "validated:app")
			config.Threads = threads
			r := readyRig(t, python, config, "PYTHONWARNINGS=error")
			for _, q := range []rigReq{{path: "/"}, {path: "/", method: "HEAD"}, {path: "/list"}, {path: "/write"}, {path: "/file"},
				{path: "/", method: "POST", body: "one\ntwo\nthree"}, {path: "/", method: "POST", body: "one\ntwo\nthree", file: true}} {
				if a := r.ask(q); a.fail.Error != "" {
					t.Errorf("%+v: %s", q, a.fail.Traceback)
				}
			}
			r.stop()
			if state := r.wait(); state != "exit status 0" || strings.Contains(r.output.String(), "Error") {
				t.Errorf("%s: %s", state, r.output)
			}
		}
	})
}

// TestWorkerPresets: a request that names a preset has what that has, and what it says itself.
func TestWorkerPresets(t *testing.T) {
	text := func(s string) string { return "z" + string([]byte{byte(len(s))}) + s }
	own := func(place byte, path, query, id, length string) []byte {
		b := ")\x07i" + string([]byte{place, 0, 0, 0}) + text(path) + text(query) + text(path+"?"+query) + text("50007") + text(id)
		if length == "" {
			return []byte(b + "N")
		}
		return []byte(b + text(length))
	}
	eachPython(t, func(t *testing.T, python string) {
		for _, threads := range []int{1, 2} {
			config := rigConfig(t, "spec:app")
			config.Threads = threads
			r := readyRig(t, python, config)
			first, second := rigReq{headers: "HTTP_X_ONE=1"}, rigReq{method: "POST", headers: "HTTP_X_TWO=2", query: "old"}
			r.write(rigEncode(presetFrame, 0, 7, first.environ(), nil))
			r.write(rigEncode(presetFrame, 0, 200, second.environ(), nil))
			ask := func(place byte, path, query, id, body string) string {
				length := ""
				if body != "" {
					length = strconv.Itoa(len(body))
				}
				r.lastID++
				r.write(rigEncode(rigRequest, flagPreset, r.lastID, own(place, path, query, id, length), []byte(body)))
				return r.answer().body
			}
			for range 2 {
				plain := r.ask(rigReq{path: "/environ", query: "q", headers: "HTTP_X_ONE=1"}).body
				want := strings.NewReplacer("'50000'", "'50007'", "test-1-1", "test-2").Replace(plain)
				if got := ask(7, "/environ", "q", "test-2", ""); got != want {
					t.Errorf("%d threads:\n got %s\nwant %s", threads, got, want)
				}
				got := ask(200, "/environ", "new", "test-3", "abc")
				for _, part := range []string{"'CONTENT_LENGTH', '3'", "'HTTP_X_TWO', '2'", "'QUERY_STRING', 'new'", "'REQUEST_METHOD', 'POST'", "'HTTP_X_REQUEST_ID', 'test-3'"} {
					if !strings.Contains(got, part) {
						t.Errorf("%d threads: there is no %s in %s", threads, part, got)
					}
				}
				if strings.Contains(got, "X_ONE") || strings.Contains(got, "old") {
					t.Errorf("%d threads: there is something else in %s", threads, got)
				}
			}
			if got := ask(200, "/echo", "", "test-4", "a body"); got != "a body" {
				t.Errorf("the body is %q", got)
			}
			r.write(rigEncode(presetFrame, 0, 7, second.environ(), nil)) // in the same place
			if got := ask(7, "/environ", "q", "test-5", ""); !strings.Contains(got, "X_TWO") || strings.Contains(got, "X_ONE") {
				t.Errorf("the old preset is there: %s", got)
			}
		}
	})
}

// TestWorkerDoesNotWaitBehindABody: a body that is whole leaves before the application is asked for what is behind it.
func TestWorkerDoesNotWaitBehindABody(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		r := readyRig(t, python, rigConfig(t, "spec:app"))
		mark := filepath.Join(t.TempDir(), "seen")
		if a := r.ask(rigReq{path: "/pauses-behind-all", query: mark}); a.body != "four" || a.kinds != "WHOLE" {
			t.Errorf("%+v", a)
		}
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if a := r.ask(rigReq{path: "/declared-block"}); a.body != "four" {
			t.Errorf("afterwards: %+v", a)
		}
	})
}
