package app

import (
	"os/exec"
	"runtime"
)

// browse shows a URL in the person's browser. It returns once the program that does so has started; the browser
// outlives the server.
func browse(url string) error {
	c := browserCommand(runtime.GOOS, url)
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }() // only so that no zombie is left; it ends with its process
	return nil
}

func browserCommand(goos, url string) *exec.Cmd {
	switch goos {
	case "darwin":
		return exec.Command("open", url)
	case "windows":
		// Not "start", which is a word of the shell and would read the URL's characters as its own.
		return exec.Command("rundll32", "url.dll,FileProtocolHandler", url)
	}
	return exec.Command("xdg-open", url)
}
