package gateway

import (
	"cmp"
	"slices"
	"time"
)

// RunningScript is a script that runs for a request.
type RunningScript struct {
	ID     string // of the request, as highball.Request.ID
	Method string
	Target string        // as the client has sent it: secrets are not masked
	Script string        // its path as SCRIPT_NAME has it, with the mount
	PID    int           // of its process; 0 while that is being started
	Age    time.Duration // since it was asked for
}

// Running tells of the scripts that run, those that were started first first. A script may go on when its request is answered.
func (c *CGI) Running() []RunningScript {
	c.mu.Lock()
	all := make([]RunningScript, 0, len(c.runs))
	for run := range c.runs {
		all = append(all, run.tell())
	}
	c.mu.Unlock()
	slices.SortFunc(all, func(a, b RunningScript) int {
		return cmp.Or(cmp.Compare(b.Age, a.Age), cmp.Compare(a.PID, b.PID))
	})
	return all
}

// tell describes the run.
func (r *cgiRun) tell() RunningScript {
	r.mu.Lock()
	defer r.mu.Unlock()
	told := RunningScript{ID: r.id, Method: r.method, Target: r.target, Script: r.script.name, Age: time.Since(r.since)}
	if r.proc != nil {
		told.PID = r.pid
	}
	return told
}
