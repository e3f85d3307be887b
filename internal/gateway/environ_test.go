package gateway

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"highball"
	"highball/internal/servertest"
)

// requests serves every request by handing it to the test, which has it until f returns.
type requests chan lentRequest

type lentRequest struct {
	r    *highball.Request
	done chan struct{}
}

func (q requests) Serve(w *highball.Response, r *highball.Request) error {
	lent := lentRequest{r, make(chan struct{})}
	q <- lent
	<-lent.done
	return nil
}

// withRequest sends raw to a server and calls f with the request that it gets.
func withRequest(t testing.TB, d servertest.Driver, raw string, f func(r *highball.Request)) {
	t.Helper()
	q := make(requests)
	c := servertest.New(t, d, &highball.Server{Handler: q}).Dial(t)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		c.Send(raw) // which may wait for f to read
	}()
	lent := <-q
	f(lent.r)
	close(lent.done)
	_ = c.Close() // what f has not read is not waited for
	<-sent
}

// environKeys are the places of the tuple.
var environKeys = []string{"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "RAW_URI", "SERVER_PROTOCOL", "wsgi.url_scheme",
	"REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_X_REQUEST_ID"}

// decodeEnviron returns a blob as a worker does: without the keys that are None.
func decodeEnviron(t testing.TB, c codec, blob []byte) map[string]string {
	t.Helper()
	env := make(map[string]string)
	if c == plainCodec {
		for i := 0; len(blob) > 0; i++ {
			value, none, rest := plainText(t, blob)
			blob = rest
			switch {
			case none:
				continue
			case i < len(environKeys):
				env[environKeys[i]] = value
			default:
				env[value], _, blob = plainText(t, blob)
			}
		}
		return env
	}
	value, rest, err := decodeMarshal(blob)
	tuple, ok := value.([]any)
	if err != nil || len(rest) > 0 || !ok || len(tuple) != 15 {
		t.Fatalf("%v, %d bytes more, a tuple of %d: %q", err, len(rest), len(tuple), blob)
	}
	for i, key := range environKeys {
		if s, ok := tuple[i].(string); ok {
			env[key] = s
		}
	}
	for key, v := range tuple[14].(map[string]any) {
		if _, twice := env[key]; twice {
			t.Errorf("%s stands twice", key)
		}
		env[key] = v.(string)
	}
	return env
}

func plainText(t testing.TB, b []byte) (s string, none bool, rest []byte) {
	t.Helper()
	n := binary.LittleEndian.Uint32(b)
	if n == plainNone {
		return "", true, b[4:]
	}
	return latin1(string(b[4 : 4+n])), false, b[4+n:]
}

func TestEnvironMapping(t *testing.T) {
	many := "GET / HTTP/1.1\r\nHost: test\r\n"
	manyWant := map[string]string{}
	for i := range 60 {
		many += fmt.Sprintf("X-%d: %d\r\nx-same: %d\r\n", i, i, i)
		manyWant[fmt.Sprintf("HTTP_X_%d", i)] = fmt.Sprint(i)
		manyWant["HTTP_X_SAME"] += fmt.Sprintf(",%d", i)
	}
	manyWant["HTTP_X_SAME"] = manyWant["HTTP_X_SAME"][1:]
	tests := []struct {
		name, raw, mount string
		length           int64 // of the body that the application gets
		want             map[string]string
		missing          string // keys separated by spaces
	}{
		{
			name: "an ordinary request", length: -1,
			raw: "GET /a%20b/c?q=%20&r HTTP/1.1\r\nHost: Shop.Example.:8080\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
			want: map[string]string{
				"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a b/c", "QUERY_STRING": "q=%20&r",
				"RAW_URI": "/a%20b/c?q=%20&r", "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http",
				"REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "shop.example",
				"HTTP_HOST": "Shop.Example.:8080", "HTTP_USER_AGENT": "curl/8", "HTTP_ACCEPT": "*/*",
			},
			missing: "CONTENT_TYPE CONTENT_LENGTH HTTP_CONTENT_LENGTH",
		},
		{
			name: "a path under the mount", mount: "/shop", length: -1,
			raw:  "GET /shop/x//../y HTTP/1.1\r\nHost: test\r\n\r\n",
			want: map[string]string{"SCRIPT_NAME": "/shop", "PATH_INFO": "/y", "RAW_URI": "/shop/x//../y"},
		},
		{
			name: "the mount itself", mount: "/shop", length: -1,
			raw:  "GET /shop?a HTTP/1.1\r\nHost: test\r\n\r\n",
			want: map[string]string{"SCRIPT_NAME": "/shop", "PATH_INFO": "", "QUERY_STRING": "a"},
		},
		{
			name: "the mount with a slash", mount: "/shop", length: -1,
			raw:  "GET /shop/ HTTP/1.1\r\nHost: test\r\n\r\n",
			want: map[string]string{"SCRIPT_NAME": "/shop", "PATH_INFO": "/"},
		},
		{
			name: "a path that only begins like the mount", mount: "/shop", length: -1,
			raw:  "GET /shopping HTTP/1.1\r\nHost: test\r\n\r\n",
			want: map[string]string{"SCRIPT_NAME": "", "PATH_INFO": "/shopping"},
		},
		{
			name: "the server as a whole", length: -1,
			raw:  "OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n",
			want: map[string]string{"REQUEST_METHOD": "OPTIONS", "SCRIPT_NAME": "", "PATH_INFO": "", "RAW_URI": "*"},
		},
		{
			name: "a path of UTF-8 and a value of other bytes", length: -1,
			raw:  "GET /k%C3%A4se HTTP/1.1\r\nHost: test\r\nX-Name: J\xfcrgen\r\n\r\n",
			want: map[string]string{"PATH_INFO": "/k\u00c3\u00a4se", "HTTP_X_NAME": "Jürgen", "RAW_URI": "/k%C3%A4se"},
		},
		{
			name: "a body", length: 3,
			raw:  "POST / HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain\r\ncontent-length: 3\r\n\r\nabc",
			want: map[string]string{"CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "3"}, missing: "HTTP_CONTENT_TYPE HTTP_CONTENT_LENGTH",
		},
		{
			name: "a chunked body, which the application gets whole", length: 5,
			raw:  "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
			want: map[string]string{"CONTENT_LENGTH": "5"}, missing: "HTTP_TRANSFER_ENCODING CONTENT_TYPE",
		},
		{
			name: "an empty body", length: 0,
			raw:  "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nContent-Type:\r\n\r\n",
			want: map[string]string{"CONTENT_LENGTH": "0", "CONTENT_TYPE": ""},
		},
		{
			name: "repeated fields are joined in order", length: -1,
			raw: "GET / HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: a\r\nCookie: a=1\r\nAccept: x\r\nx-forwarded-for: b\r\nCOOKIE: b=2\r\n" +
				"X-FORWARDED-FOR: c\r\n\r\n",
			want: map[string]string{"HTTP_X_FORWARDED_FOR": "a,b,c", "HTTP_COOKIE": "a=1; b=2", "HTTP_ACCEPT": "x"},
		},
		{
			name: "a name with an underscore cannot pass for one with a hyphen", length: -1,
			raw:  "GET / HTTP/1.1\r\nHost: test\r\nX_Forwarded_For: evil\r\nContent_Type: evil\r\n_: evil\r\n\r\n",
			want: map[string]string{}, missing: "HTTP_X_FORWARDED_FOR HTTP_CONTENT_TYPE CONTENT_TYPE HTTP__",
		},
		{
			name: "httpoxy", length: -1,
			raw:  "GET / HTTP/1.1\r\nHost: test\r\nProxy: evil\r\npRoxY: evil\r\nProxy-Authorization: x\r\n\r\n",
			want: map[string]string{"HTTP_PROXY_AUTHORIZATION": "x"}, missing: "HTTP_PROXY",
		},
		{
			name: "a long name", length: -1,
			raw:  "GET / HTTP/1.1\r\nHost: test\r\n" + strings.Repeat("x-y", 90) + ": 1\r\n\r\n",
			want: map[string]string{"HTTP_" + strings.Repeat("X_Y", 90): "1"},
		},
		{
			name: "every octet of a name", length: -1,
			raw:  "GET / HTTP/1.1\r\nHost: test\r\n!#$%&'*+-.^`|~09azAZ: 1\r\n\r\n",
			want: map[string]string{"HTTP_!#$%&'*+_.^`|~09AZAZ": "1"},
		},
		{name: "more fields than usual", length: -1, raw: many + "\r\n", want: manyWant},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			srv := &highball.Server{Limits: highball.Limits{Fields: 1000}}
			q := make(requests)
			srv.Handler = q
			s := servertest.New(t, servertest.Loop, srv)
			c := s.Dial(t)
			c.Send(test.raw)
			lent := <-q
			defer close(lent.done)
			for _, codec := range []codec{marshalCodec, plainCodec} {
				prefix := []byte("before")
				blob := appendEnviron(prefix, codec, lent.r, lent.r.AppendID(nil), test.mount, test.length)
				got := decodeEnviron(t, codec, bytes.TrimPrefix(blob, prefix))
				for key, want := range test.want {
					if got[key] != want {
						t.Errorf("%s is %q, not %q", key, got[key], want)
					}
				}
				for _, key := range strings.Fields(test.missing) {
					if value, ok := got[key]; ok {
						t.Errorf("%s is %q, and should not be there", key, value)
					}
				}
				if want := fmt.Sprint(lent.r.RemoteAddr().Port()); got["REMOTE_PORT"] != want {
					t.Errorf("REMOTE_PORT is %q, not %s", got["REMOTE_PORT"], want)
				}
				if want := fmt.Sprint(lent.r.LocalAddr().Port()); got["SERVER_PORT"] != want {
					t.Errorf("SERVER_PORT is %q, not %s", got["SERVER_PORT"], want)
				}
			}
		})
	}
}

// The whole of what a worker gets, so that nothing can be added unseen.
func TestEnvironWhole(t *testing.T) {
	withRequest(t, servertest.Loop, "GET /x HTTP/1.0\r\nAccept: */*\r\nX-Request-ID: forged\r\n\r\n", func(r *highball.Request) {
		got := decodeEnviron(t, marshalCodec, appendEnviron(nil, marshalCodec, r, r.AppendID(nil), "", -1))
		want := map[string]string{
			"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/x", "QUERY_STRING": "", "RAW_URI": "/x",
			"SERVER_PROTOCOL": "HTTP/1.0", "wsgi.url_scheme": "http",
			"REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": fmt.Sprint(r.RemoteAddr().Port()),
			// Without a Host field, the address that the client has connected to stands for it.
			"SERVER_NAME": "127.0.0.1", "SERVER_PORT": fmt.Sprint(r.LocalAddr().Port()),
			"HTTP_ACCEPT": "*/*", "HTTP_X_REQUEST_ID": r.ID(),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// What handlers in front have found out of the client is what an application is told, and nothing of the proxy.
func TestEnvironBehindHandlers(t *testing.T) {
	withRequest(t, servertest.Loop, "GET /x?a=b HTTP/1.1\r\nHost: inside\r\n\r\n", func(r *highball.Request) {
		r.SetClient(netip.MustParseAddrPort("203.0.113.9:4711"), "https", "shop.example:8443")
		r.SetUser("ann\u00e9")
		r.SetID("given")
		if err := r.Rewrite("/y z", "c=d"); err != nil {
			t.Fatal(err)
		}
		got := decodeEnviron(t, marshalCodec, appendEnviron(nil, marshalCodec, r, r.AppendID(nil), "", -1))
		want := map[string]string{
			"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/y z", "QUERY_STRING": "c=d", "RAW_URI": "/x?a=b",
			"SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "https", "REMOTE_ADDR": "203.0.113.9", "REMOTE_PORT": "4711",
			"SERVER_NAME": "shop.example", "SERVER_PORT": fmt.Sprint(r.LocalAddr().Port()), "HTTP_HOST": "shop.example:8443",
			"AUTH_TYPE": "Basic", "REMOTE_USER": latin1("ann\u00e9"), "HTTP_X_REQUEST_ID": "given",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestEnvironAddresses(t *testing.T) {
	addr := netip.MustParseAddrPort
	tests := []struct {
		name string
		e    environ
		want string // REMOTE_ADDR REMOTE_PORT SERVER_NAME SERVER_PORT
	}{
		{"IPv4", environ{remote: addr("192.0.2.1:5"), local: addr("192.0.2.2:80")}, "192.0.2.1 5 192.0.2.2 80"},
		{"IPv4 on an IPv6 socket", environ{remote: addr("[::ffff:192.0.2.1]:5"), local: addr("[::ffff:192.0.2.2]:80")}, "192.0.2.1 5 192.0.2.2 80"},
		{"IPv6", environ{remote: addr("[2001:db8::1]:5"), local: addr("[2001:db8::2]:80")}, "2001:db8::1 5 [2001:db8::2] 80"},
		{"IPv6 of a link", environ{remote: addr("[fe80::1%eth0]:5"), local: addr("[fe80::2%eth0]:80")}, "fe80::1%eth0 5 [fe80::2] 80"},
		{"a named host", environ{remote: addr("192.0.2.1:5"), local: addr("192.0.2.2:8000"), serverName: "a.example"}, "192.0.2.1 5 a.example 8000"},
		{"a unix socket", environ{serverName: "a.example", scheme: "http"}, "  a.example 80"},
		{"a unix socket, encrypted", environ{serverName: "a.example", scheme: "https"}, "  a.example 443"},
		{"a unix socket without a host", environ{scheme: "http"}, "  localhost 80"},
	}
	for _, test := range tests {
		e := &test.e
		got := fmt.Sprintf("%s %s %s %s", e.appendRemoteAddr(nil), appendRemotePort(nil, e.remote), e.appendServerName(nil), e.appendServerPort(nil))
		if got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
}

func TestAppendVariable(t *testing.T) {
	for c := range byte(0x80) {
		want := bytes.ToUpper([]byte{c})[0]
		if c == '-' {
			want = '_'
		}
		for _, beside := range []byte{0, 'a', 'z', '-', 0x7f} {
			field := string([]byte{beside, c, beside, beside, beside, beside, beside, c, beside})
			got := appendVariable(nil, field)
			if got[len("HTTP_")+1] != want || got[len("HTTP_")+7] != want {
				t.Fatalf("%q became %q", field, got)
			}
		}
	}
}

// typicalRequest is what a simple client sends.
const typicalRequest = "GET /catalogue/items?page=2 HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n" +
	"Accept: text/html,application/xhtml+xml\r\nAccept-Encoding: gzip, deflate, br\r\nCookie: session=0123456789abcdef\r\n\r\n"

// browserRequest is what a browser sends.
const browserRequest = "GET /catalogue/items?page=2 HTTP/1.1\r\nHost: shop.example\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n" +
	"sec-ch-ua: \"Chromium\";v=\"126\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\nUpgrade-Insecure-Requests: 1\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8\r\n" +
	"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n" +
	"Referer: https://shop.example/catalogue\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n" +
	"Cookie: session=0123456789abcdef; theme=dark\r\n\r\n"

func TestEnvironDoesNotAllocate(t *testing.T) {
	for _, raw := range []string{typicalRequest, browserRequest} {
		withRequest(t, servertest.Loop, raw, func(r *highball.Request) {
			id, dst := make([]byte, 0, 100), make([]byte, 0, 8<<10)
			if n := testing.AllocsPerRun(100, func() {
				id = r.AppendID(id[:0])
				dst = appendEnviron(dst[:0], marshalCodec, r, id, "", -1)
			}); n > 0 {
				t.Errorf("%v allocations for %.30q", n, raw)
			}
		})
	}
}

func BenchmarkEnviron(b *testing.B) {
	for name, raw := range map[string]string{"typical": typicalRequest, "browser": browserRequest} {
		for codecName, c := range map[string]codec{"marshal": marshalCodec, "plain": plainCodec} {
			b.Run(name+"/"+codecName, func(b *testing.B) {
				withRequest(b, servertest.Loop, raw, func(r *highball.Request) {
					id, dst := make([]byte, 0, 100), make([]byte, 0, 8<<10)
					b.ReportAllocs()
					for b.Loop() {
						id = r.AppendID(id[:0])
						dst = appendEnviron(dst[:0], c, r, id, "", -1)
					}
				})
			})
		}
	}
}
