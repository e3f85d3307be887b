// Command adapter serves a net/http handler by highball, through FromHTTP: what a program written for net/http
// gains by changing one line.
//
//	adapter ADDRESS
package main

import (
	"fmt"
	"net/http"
	"os"

	"highball"
	"highball/tools/bench/hello"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: adapter ADDRESS")
		os.Exit(2)
	}
	handler := highball.FromHTTP(http.HandlerFunc(hello.Handle))
	fmt.Fprintln(os.Stderr, "adapter:", highball.ListenAndServe(os.Args[1], handler))
	os.Exit(1)
}
