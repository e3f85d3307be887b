// Command plain serves a handler written for highball: the same answer as the adapter's, without the adapter.
//
//	plain ADDRESS
package main

import (
	"fmt"
	"os"

	"highball"
	"highball/tools/bench/hello"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: plain ADDRESS")
		os.Exit(2)
	}
	err := highball.ListenAndServe(os.Args[1], highball.HandlerFunc(answer))
	fmt.Fprintln(os.Stderr, "plain:", err)
	os.Exit(1)
}

func answer(w *highball.Response, _ *highball.Request) error {
	w.Header().Set("Content-Type", hello.MediaType)
	_, err := w.WriteString(hello.Text)
	return err
}
