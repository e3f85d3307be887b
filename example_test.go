package highball_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"highball"
)

// demonstrate serves h at a free port of the loopback address while use runs.
func demonstrate(h highball.Handler, use func(url string)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &highball.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	use("http://" + l.Addr().String())
	http.DefaultClient.CloseIdleConnections()
	if err := server.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	<-served
}

// show prints the answer to a request.
func show(method, url, body string) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(response.StatusCode, strings.TrimSpace(string(text)))
}

func hello(w *highball.Response, r *highball.Request) error {
	_, err := fmt.Fprintf(w, "hello, %s\n", r.PathValue("name"))
	return err
}

func ExampleMux() {
	mux := highball.NewMux()
	err := errors.Join(
		mux.HandleFunc("GET /hello/{name}", hello),
		mux.Handle("/old/", highball.Redirect(308, "/hello/you")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	demonstrate(mux, func(url string) {
		show("GET", url+"/hello/world", "")
		show("GET", url+"/old/path", "")
	})
	// Output:
	// 200 hello, world
	// 200 hello, you
}

func readNote(w *highball.Response, r *highball.Request) error {
	note, err := os.ReadFile("notes/" + r.PathValue("id"))
	if errors.Is(err, fs.ErrNotExist) {
		return &highball.Error{Status: 404, Err: err}
	}
	if err != nil {
		return err // 500 for the client, the cause for the log
	}
	_, err = w.Write(note)
	return err
}

func ExampleError() {
	mux := highball.NewMux()
	if err := mux.HandleFunc("/notes/{id}", readNote); err != nil {
		fmt.Println(err)
		return
	}
	demonstrate(mux, func(url string) {
		response, err := http.Get(url + "/notes/7")
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		fmt.Println(response.Status)
	})
	// Output: 404 Not Found
}

func upload(w *highball.Response, r *highball.Request) error {
	f, err := os.CreateTemp("", "upload-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, r.Body()) // in parts, however large it is
	if err = errors.Join(err, f.Close()); err != nil {
		return err // a slow client is answered by 408, a broken body by 400
	}
	w.SetStatus(201)
	_, err = fmt.Fprintf(w, "%d bytes\n", n)
	return err
}

func ExampleRequest_Body() {
	demonstrate(highball.HandlerFunc(upload), func(url string) {
		show("POST", url, "what is to be stored")
	})
	// Output: 201 20 bytes
}

func events(w *highball.Response, r *highball.Request) error {
	r.ExtendDeadline(-1) // it lasts as long as the client does
	w.Header().Set("Content-Type", "text/event-stream")
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticks.C:
			if _, err := fmt.Fprintf(w, "data: %d\n\n", n); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
		case <-r.Context().Done():
			return context.Cause(r.Context())
		}
	}
}

func ExampleResponse_Flush() {
	demonstrate(highball.HandlerFunc(events), func(url string) {
		response, err := http.Get(url)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer response.Body.Close()
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			if lines.Text() != "" {
				fmt.Println(lines.Text())
			}
			if lines.Text() == "data: 3" {
				return
			}
		}
	})
	// Output:
	// data: 1
	// data: 2
	// data: 3
}

// counter counts what is posted to it.
type counter struct{ count atomic.Int64 }

func (c *counter) Get(w *highball.Response, _ *highball.Request) error {
	_, err := fmt.Fprintln(w, c.count.Load())
	return err
}

func (c *counter) Post(w *highball.Response, r *highball.Request) error {
	c.count.Add(1)
	return c.Get(w, r)
}

func ExampleMethods() {
	h, err := highball.Methods(new(counter))
	if err != nil {
		fmt.Println(err)
		return
	}
	demonstrate(h, func(url string) {
		show("POST", url, "")
		show("GET", url, "")
	})
	// Output:
	// 200 1
	// 200 1
}

// status answers with what is the same for everybody and every time.
type status struct{ ready *highball.Prepared }

func newStatus() (*status, error) {
	var header highball.Header
	header.Set("Content-Type", "application/json")
	body, err := json.Marshal(map[string]string{"state": "ready"})
	if err != nil {
		return nil, err
	}
	ready, err := highball.Prepare(200, &header, body)
	return &status{ready}, err
}

func (s *status) Serve(w *highball.Response, _ *highball.Request) error { return w.Send(s.ready) }

// ServeInline is called on the event loop: it neither waits nor keeps anything.
func (s *status) ServeInline(w *highball.Response, _ *highball.Request) bool {
	return w.Send(s.ready) == nil
}

func ExampleInlineHandler() {
	h, err := newStatus()
	if err != nil {
		fmt.Println(err)
		return
	}
	demonstrate(h, func(url string) { show("GET", url, "") })
	// Output: 200 {"state":"ready"}
}

func ExampleServer_Shutdown() {
	server := &highball.Server{Handler: highball.HandlerFunc(hello)}
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		fmt.Println(err) // names the address and the reason
		return
	}
	fmt.Println("at port", addr.(*net.TCPAddr).Port > 0)
	served := make(chan error, 1)
	go func() { served <- server.Run() }()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		fmt.Println("cut what had not finished:", err)
	}
	fmt.Println(<-served)
	// Output:
	// at port true
	// highball: server closed
}
