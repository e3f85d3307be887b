package observe

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

const peer = "127.0.0.1:50312"

// lines joins lines as they are on the wire.
func lines(all ...string) []byte { return []byte(strings.Join(all, "\r\n")) }

func TestTraceHead(t *testing.T) {
	tests := []struct {
		name string
		mask Mask
		head []byte
		want string // after the line that names the connection
	}{
		{
			"request", MaskSecrets,
			lines("GET /a?q=1 HTTP/1.1", "Host: localhost:8000", `If-None-Match: "abc"`, "", ""),
			"< GET /a?q=1 HTTP/1.1\n< Host: localhost:8000\n< If-None-Match: \"abc\"\n<\n",
		},
		{
			"empty lines before the request", MaskSecrets,
			lines("", "GET /?token=1 HTTP/1.1", "", ""),
			"<\n< GET /?token=*** HTTP/1.1\n<\n",
		},
		{
			"head that stops in the middle", MaskSecrets,
			lines("GET / HTTP/1.1", "Hos"),
			"< GET / HTTP/1.1\n< Hos\n",
		},
		{"nothing", MaskSecrets, nil, ""},
		{
			"secret fields", MaskSecrets,
			lines("GET / HTTP/1.1", "Authorization: Basic c2VjcmV0", "proxy-authorization: x", "COOKIE: a=b", "X-Api-Key:k", "X-Other: seen", "", ""),
			"< GET / HTTP/1.1\n< Authorization: ***\n< proxy-authorization: ***\n< COOKIE: ***\n< X-Api-Key: ***\n< X-Other: seen\n<\n",
		},
		{
			"secret fields when asked for", ShowSecrets,
			lines("GET /?token=t HTTP/1.1", "Authorization: Basic c2VjcmV0", "", ""),
			"< GET /?token=t HTTP/1.1\n< Authorization: Basic c2VjcmV0\n<\n",
		},
		{
			"secret parameters", MaskSecrets,
			lines("GET /?a=1&token=t&Password=p;q=&secret&key=&api_key=k#access_token=x HTTP/1.1", ""),
			"< GET /?a=1&token=***&Password=***&secret&key=***&api_key=*** HTTP/1.1\n",
		},
		{
			"names only like those of secrets", MaskSecrets,
			lines("GET /token=1?keys=2&my_token=3&=4 HTTP/1.1", ""),
			"< GET /token=1?keys=2&my_token=3&=4 HTTP/1.1\n",
		},
		{
			"secret parameters with encoded names", MaskSecrets,
			lines("GET /?%74oken=t&api%5fkey=k&%=1&%zz=2 HTTP/1.1", ""),
			"< GET /?%74oken=***&api%5fkey=***&%=1&%zz=2 HTTP/1.1\n",
		},
		{
			"secret parameters within field values", MaskSecrets,
			lines("GET / HTTP/1.1", "Referer: http://h/?token=t&a=1", ""),
			"< GET / HTTP/1.1\n< Referer: http://h/?token=***&a=1\n",
		},
		{
			"refused: spaces in the target", MaskSecrets,
			lines("GET /?password=a b HTTP/1.1", ""),
			"< GET /?password=*** HTTP/1.1\n",
		},
		{
			"refused: no version", MaskSecrets,
			lines("GET /?password=a b", ""),
			"< GET /?password=***\n",
		},
		{
			"refused: space before the colon", MaskSecrets,
			lines("GET / HTTP/1.1", "Cookie : a=b", ""),
			"< GET / HTTP/1.1\n< Cookie : ***\n",
		},
		{
			"refused: no start line", MaskSecrets,
			lines("Cookie: a=b", ""),
			"< Cookie: ***\n",
		},
		{
			"refused: folded secret", MaskSecrets,
			lines("GET / HTTP/1.1", "Cookie: a=b", " c=d", "\te=f", "X: y", " z", ""),
			"< GET / HTTP/1.1\n< Cookie: ***\n< ***\n< ***\n< X: y\n<  z\n",
		},
		{
			"refused: lone line feeds", MaskSecrets,
			[]byte("GET / HTTP/1.1\nCookie: a=b\n\n"),
			"< GET / HTTP/1.1\n< Cookie: ***\n<\n",
		},
		{
			"refused: lone carriage returns", MaskSecrets,
			lines("GET / HTTP/1.1", "X: y\rCookie: a=b\rc=d", "X: y", ""),
			"< GET / HTTP/1.1\n< X: y\\x0d\n< Cookie: ***\n< ***\n< X: y\n",
		},
		{
			"controls, backslashes and bytes from 0x80", MaskSecrets,
			lines("GET /\x1b[2J\x9b HTTP/1.1", "X: a\tb\\x1b\x00\x7fé", ""),
			"< GET /\\x1b[2J\\x9b HTTP/1.1\n< X: a\\x09b\\x5cx1b\\x00\\x7f\\xc3\\xa9\n",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			NewTracer(&out, test.mask).Request(7, peer, test.head)
			if want := "* connection 7 from " + peer + "\n" + test.want; out.String() != want {
				t.Errorf("trace\n got %q\nwant %q", out.String(), want)
			}
		})
	}
}

func TestTraceResponse(t *testing.T) {
	var out bytes.Buffer
	NewTracer(&out, MaskSecrets).Response(8, "", lines("HTTP/1.1 302 Found", "Set-Cookie: sid=1", "Location: /cb?access_token=t", "", ""))
	want := "* connection 8 from -\n> HTTP/1.1 302 Found\n> Set-Cookie: ***\n> Location: /cb?access_token=***\n>\n"
	if out.String() != want {
		t.Errorf("trace\n got %q\nwant %q", out.String(), want)
	}
}

func TestTraceBody(t *testing.T) {
	long := strings.Repeat("a", traceBodyBound)
	tests := []struct {
		name  string
		mask  Mask
		body  string
		total int64
		want  string
	}{
		{"whole", MaskSecrets, "hello, world", 12, `[body 12 bytes] "hello, world"`},
		{"as long as the bound", MaskSecrets, long, 256, `[body 256 bytes] "` + long + `"`},
		{"longer than the bound", MaskSecrets, long + "b", 257, `[body 257 bytes] "` + long + `"...`},
		{"only the beginning at hand", MaskSecrets, "hello", 12, `[body 12 bytes] "hello"...`},
		{"length unknown", MaskSecrets, "hello", UnknownLength, `[body 5+ bytes] "hello"`},
		{"empty", MaskSecrets, "", 0, `[body 0 bytes] ""`},
		{"one line", MaskSecrets, "a\r\n\"b\"\\", 7, `[body 7 bytes] "a\r\n\"b\"\\"`},
		{"controls and bytes from 0x80", MaskSecrets, "\x1b[2J\x00é\xff\u202e", 11, `[body 11 bytes] "\x1b[2J\x00\u00e9\xff\u202e"`},
		{"form", MaskSecrets, "password=p w&user=u&secret=s", 28, `[body 28 bytes] "password=***&user=u&secret=***"`},
		{"form cut inside a secret", MaskSecrets, long[:250] + "&key=abcdef", 261, `[body 261 bytes] "` + long[:250] + `&key=***"...`},
		{"form when asked for", ShowSecrets, "password=p", 10, `[body 10 bytes] "password=p"`},
		{"secret on one line of several", MaskSecrets, "key=k\r\nnext", 11, `[body 11 bytes] "key=***\r\nnext"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			tracer := NewTracer(&out, test.mask)
			tracer.RequestBody(1, peer, []byte(test.body), test.total)
			tracer.ResponseBody(2, peer, []byte(test.body), test.total)
			want := fmt.Sprintf("* connection 1 from %s\n< %s\n* connection 2 from %s\n> %s\n", peer, test.want, peer, test.want)
			if out.String() != want {
				t.Errorf("trace\n got %s\nwant %s", out.String(), want)
			}
		})
	}
}

func TestTraceBlocksDoNotMix(t *testing.T) {
	var blocks []string
	tracer := NewTracer(writerFunc(func(p []byte) (int, error) {
		blocks = append(blocks, string(p)) // the tracer's mutex guards it
		return len(p), nil
	}), MaskSecrets)
	const exchanges = 50
	var group sync.WaitGroup
	for id := range exchanges {
		group.Go(func() {
			tracer.Request(uint64(id), peer, fmt.Appendf(nil, "GET /%d HTTP/1.1\r\n\r\n", id))
			tracer.ResponseBody(uint64(id), peer, fmt.Append(nil, id), UnknownLength)
		})
	}
	group.Wait()
	if len(blocks) != 2*exchanges {
		t.Fatalf("%d blocks of %d", len(blocks), 2*exchanges)
	}
	for _, block := range blocks {
		var id, other int
		head, rest, _ := strings.Cut(block, "\n")
		if _, err := fmt.Sscanf(head, "* connection %d from", &id); err != nil {
			t.Fatalf("block begins with %q", head)
		}
		if _, err := fmt.Sscanf(rest, "< GET /%d", &other); err != nil {
			body := strings.TrimSuffix(rest[strings.Index(rest, `"`)+1:], "\"\n")
			fmt.Sscan(body, &other)
		}
		if id != other {
			t.Errorf("connection %d has the block of %d: %q", id, other, block)
		}
	}
}

func FuzzTraceIsPrintableAndKeepsSecrets(f *testing.F) {
	f.Add("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "a=1")
	f.Add("GET /?x=\x1b HTTP/1.1\rX", "\r")
	f.Add("\xff\n \n:", "&;#?=")
	f.Add("\n", "") // no start line
	f.Fuzz(func(t *testing.T, head, text string) {
		const secret = "hunter2"
		if strings.Contains(head+text, "unter") {
			return // would be found without being one
		}
		var out bytes.Buffer
		tracer := NewTracer(&out, MaskSecrets)
		tracer.Request(1, peer, []byte(head+"\r\nCookie: "+secret+"\r\n "+secret+"\r\n\r\n"))
		tracer.Request(1, text, []byte("GET /?"+head+"&token="+secret+" HTTP/1.1\r\n"))
		tracer.Response(1, peer, []byte("HTTP/1.1 200 OK\r\nLocation: "+text+"?key="+secret+"\r\n"))
		tracer.RequestBody(1, peer, []byte(text+"&secret="+secret), UnknownLength)
		for line := range strings.Lines(out.String()) {
			checkPrintable(t, line)
			if !strings.ContainsRune("*<>", rune(line[0])) {
				t.Fatalf("line %q belongs to nothing", line)
			}
			if strings.Contains(line, secret) {
				t.Fatalf("secret in %q of %q, %q", line, head, text)
			}
		}
	})
}

func ExampleTracer() {
	tracer := NewTracer(os.Stdout, MaskSecrets)
	tracer.Request(7, "127.0.0.1:50312", []byte("POST /login HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: 28\r\n\r\n"))
	tracer.RequestBody(7, "127.0.0.1:50312", []byte("user=alice&password=opensesa"), 28)
	tracer.Response(7, "127.0.0.1:50312", []byte("HTTP/1.1 204 No Content\r\nSet-Cookie: sid=31d4d96e407aad42\r\n\r\n"))
	// Output:
	// * connection 7 from 127.0.0.1:50312
	// < POST /login HTTP/1.1
	// < Host: localhost:8000
	// < Content-Length: 28
	// <
	// * connection 7 from 127.0.0.1:50312
	// < [body 28 bytes] "user=alice&password=***"
	// * connection 7 from 127.0.0.1:50312
	// > HTTP/1.1 204 No Content
	// > Set-Cookie: ***
	// >
}
