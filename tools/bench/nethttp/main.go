// Command nethttp is net/http's server as a peer of the benchmark: a folder through http.FileServer, and /hello.
//
//	nethttp ADDRESS FOLDER
package main

import (
	"fmt"
	"net/http"
	"os"

	"highball/tools/bench/hello"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: nethttp ADDRESS FOLDER")
		os.Exit(2)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", hello.Handle)
	mux.Handle("/", http.FileServer(http.Dir(os.Args[2])))
	fmt.Fprintln(os.Stderr, "nethttp:", http.ListenAndServe(os.Args[1], mux))
	os.Exit(1)
}
