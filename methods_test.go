package highball_test

import (
	"strconv"
	"strings"
	"testing"

	"highball"
	"highball/internal/servertest"
)

// answered says by which method a request was answered.
func answered(w *highball.Response, by string) error {
	w.Header().Set("X-By", by)
	_, err := w.WriteString(by)
	return err
}

// reader has one method.
type reader struct{}

func (reader) Get(w *highball.Response, _ *highball.Request) error { return answered(w, "Get") }

// writer has methods by its pointer, and others that are not for requests.
type writer struct{ reader }

func (*writer) Delete(w *highball.Response, _ *highball.Request) error { return answered(w, "Delete") }
func (*writer) Post(*highball.Response, *highball.Request) error {
	return &highball.Error{Status: 409}
}
func (*writer) Trace(w *highball.Response, _ *highball.Request) error { return answered(w, "Trace") }
func (*writer) Brew(w *highball.Response, _ *highball.Request) error  { return answered(w, "Brew") }

// full has all methods.
type full struct{ writer }

func (*full) Head(w *highball.Response, _ *highball.Request) error    { return answered(w, "Head") }
func (*full) Post(w *highball.Response, _ *highball.Request) error    { return answered(w, "Post") }
func (*full) Put(w *highball.Response, _ *highball.Request) error     { return answered(w, "Put") }
func (*full) Patch(w *highball.Response, _ *highball.Request) error   { return answered(w, "Patch") }
func (*full) Options(w *highball.Response, _ *highball.Request) error { return answered(w, "Options") }

// wrong has a method of another signature.
type wrong struct{ reader }

func (wrong) Put(*highball.Response) error { return nil }

func TestMethods(t *testing.T) {
	for _, test := range []struct {
		name    string
		value   any
		answers map[string]string // by which method a request is answered, or with which status
		allow   string
	}{
		{"one", reader{}, map[string]string{"GET": "Get", "HEAD": "Get", "POST": "405", "PUT": "405", "PATCH": "405", "DELETE": "405",
			"OPTIONS": "204", "TRACE": "501", "BREW": "501", "GETS": "501"}, "GET, HEAD, OPTIONS"},
		{"some", &writer{}, map[string]string{"GET": "Get", "HEAD": "Get", "POST": "409", "PUT": "405", "DELETE": "Delete",
			"OPTIONS": "204", "TRACE": "501", "BREW": "501"}, "GET, HEAD, POST, DELETE, OPTIONS"},
		{"all", &full{}, map[string]string{"GET": "Get", "HEAD": "Head", "POST": "Post", "PUT": "Put", "PATCH": "Patch", "DELETE": "Delete",
			"OPTIONS": "Options", "TRACE": "501"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, err := highball.Methods(test.value)
			if err != nil {
				t.Fatal(err)
			}
			servertest.Each(t, func(t *testing.T, d servertest.Driver) {
				c := servertest.New(t, d, &highball.Server{Handler: h}).Dial(t)
				for method, want := range test.answers {
					c.Send(method + " / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
					res := c.Receive(method)
					got := res.Value("X-By")
					if got == "" {
						got = strconv.Itoa(res.Status)
					}
					if got != want || method == "HEAD" && res.Body != "" {
						t.Errorf("%s: answered by %s, want %s", method, got, want)
					}
					allow := ""
					if want == "405" || want == "204" {
						allow = test.allow
					}
					if res.Value("Allow") != allow {
						t.Errorf("%s: Allow %q, want %q", method, res.Value("Allow"), allow)
					}
				}
			})
		})
	}
}

func TestMethodsRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		value any
		want  string
	}{
		"nil":               {nil, "Methods of nil"},
		"no methods":        {7, "int has none of the methods Get, Head, "},
		"a function":        {highball.HandlerFunc(hello), "none of the methods"},
		"another signature": {wrong{}, "method Put of highball_test.wrong is a func(*highball.Response) error, not a func("},
		"without a pointer": {writer{}, "highball_test.writer has its method Post by a pointer only"},
	} {
		if h, err := highball.Methods(test.value); err == nil || h != nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
}

func TestMethodsContract(t *testing.T) {
	servertest.Contract(t, func(t testing.TB) highball.Handler {
		h, err := highball.Methods(&full{})
		if err != nil {
			t.Fatal(err)
		}
		return h
	},
		servertest.Case{Name: "delete", Method: "DELETE", Target: "/", Status: 200, Want: "Delete"},
		servertest.Case{Name: "post", Method: "POST", Target: "/", Body: "text", Status: 200, Want: "Post"},
	)
}
