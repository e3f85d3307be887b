package highball

import "runtime"

// processors is what the scheduler had before the program could ask it for another number.
var processors = runtime.GOMAXPROCS(0)

// Processors returns how many processors the program may keep busy, as the Go scheduler knew it when the program began: by the machine, by the
// system's limits for the process, or by the environment variable GOMAXPROCS. A Server has so many event loops unless it says otherwise.
func Processors() int { return processors }
