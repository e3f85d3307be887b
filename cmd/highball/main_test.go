//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary double as the program: started under the name highball, it is highball.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"highball": main})
}

func TestScripts(t *testing.T) {
	// A SIGHUP that the tests were told to ignore, as nohup has it, their servers would ignore, too.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(heard) })

	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start":  start,
			"expect": expect,
			"send":   send,
			"ended":  ended,
			"get":    get,
			"hold":   hold,
			"finish": finish,
		},
		Setup:               setUp,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}
