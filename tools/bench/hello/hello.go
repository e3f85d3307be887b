// Package hello is the answer that the programs of the hello workloads give: the same text and the same header
// field from net/http's server, from highball through its adapter, and from a handler written for highball.
package hello

import (
	"io"
	"net/http"
)

// The answer, and its media type, which is set so that no server has to guess it from the text.
const (
	Text      = "hello, world\n"
	MediaType = "text/plain; charset=utf-8"
)

// Handle answers any request in net/http's terms.
func Handle(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", MediaType)
	io.WriteString(w, Text)
}
