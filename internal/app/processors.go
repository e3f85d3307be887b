package app

import (
	"runtime"

	"highball"
)

// spareProcessor gives the scheduler one processor more than there are event loops, once for the process. The runtime's monitor leaves a
// loop that waits its processor as long as another one is idle; else it takes it away after 20 µs, and is itself woken by the loop afterwards, which with
// applications of 100 µs is 5 % of everything. Programs of others have no such spare one by default: where every request wakes a
// handler's goroutine, that would make the scheduler look for a thread to run it, for a tenth of the processor.
func spareProcessor() {
	if loops := highball.Processors(); runtime.GOOS == "linux" && runtime.GOMAXPROCS(0) == loops {
		runtime.GOMAXPROCS(loops + 1)
	}
}
