package highball_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"highball"
)

// site is a program that was written for net/http.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello, %s\n", r.PathValue("name"))
	})
	return mux
}

func ExampleFromHTTP() {
	// return http.ListenAndServe(addr, site())
	// return highball.ListenAndServe(addr, highball.FromHTTP(site()))
	demonstrate(highball.FromHTTP(site()), func(url string) {
		show("GET", url+"/hello/world", "")
	})
	// Output: 200 hello, world
}

func ExampleToHTTP() {
	mux := http.NewServeMux()
	mux.Handle("/hello/", highball.ToHTTP(highball.HandlerFunc(func(w *highball.Response, r *highball.Request) error {
		_, err := w.WriteString("hello from " + r.Path())
		return err
	})))
	server := httptest.NewServer(mux)
	defer server.Close()
	show("GET", server.URL+"/hello/", "")
	// Output: 200 hello from /hello/
}
