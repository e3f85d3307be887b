package admin

import "time"

// Status is what there is to say of a running server.
type Status struct {
	Version       string        `json:"version"`
	PID           int           `json:"pid"`
	State         string        `json:"state"` // "serving", or "stopping"
	Started       time.Time     `json:"started"`
	Uptime        float64       `json:"uptime"` // seconds
	Configuration string        `json:"configuration"`
	Reloads       int           `json:"reloads"`               // that have succeeded
	LastReload    *Reload       `json:"last_reload,omitempty"` // nil before the first
	Listeners     []Listener    `json:"listeners"`
	Connections   int           `json:"connections"` // open
	InFlight      int64         `json:"in_flight"`   // requests
	Applications  []Application `json:"applications"`
}

// Reload is what has become of a reload.
type Reload struct {
	Time   time.Time `json:"time"`
	Errors []string  `json:"errors,omitempty"` // none if it has succeeded
}

// Listener is an address that the server listens at.
type Listener struct {
	Address string `json:"address"` // as the configuration has it
	Bound   string `json:"bound"`   // with its port
}

// Application is an application with its workers.
type Application struct {
	Name        string   `json:"name"`
	Target      string   `json:"target"` // "shop.wsgi:application"
	Interpreter string   `json:"interpreter"`
	Python      string   `json:"python"` // "CPython 3.11.7"
	Threads     int      `json:"threads"`
	Waiting     int      `json:"waiting"` // requests that wait for a worker
	Workers     []Worker `json:"workers"`

	// Restarts counts the workers that were replaced since the application was opened, by reason: "died", "deadline", "killed", "unwanted", "requests", "age",
	// "memory", "reload".
	Restarts map[string]int64 `json:"restarts"`
}

// Worker is a process of an application.
type Worker struct {
	Number   int     `json:"number"`
	PID      int     `json:"pid"`
	State    string  `json:"state"`     // "starting", "loaded", "serving", "retiring", "stopping"
	Requests int64   `json:"requests"`  // answered
	InFlight int     `json:"in_flight"` // requests that it has
	Memory   int64   `json:"memory"`    // resident bytes, -1 where that is not known
	Age      float64 `json:"age"`       // seconds since it has begun to serve
}

// ReloadOrder asks for a reload.
type ReloadOrder struct {
	Workers bool `json:"workers"` // replace the workers of applications that have not changed, too
}

// Reloaded tells of a reload that has succeeded.
type Reloaded struct {
	Notices []string `json:"notices"` // for a person, a line each
	Took    float64  `json:"took"`    // seconds
}

// Upgraded tells that another process has taken over.
type Upgraded struct {
	PID int `json:"pid"`
}

// StopOrder asks for the end of the server.
type StopOrder struct {
	Deadline string `json:"deadline"` // for what is in flight, such as "10s"; "" leaves it to the server
}

// Stopping tells that the server has begun to end.
type Stopping struct {
	PID      int    `json:"pid"`
	Deadline string `json:"deadline"`
}

// Failure tells why a request was refused or has failed.
type Failure struct {
	Errors []string `json:"errors"` // a line each, those of a configuration with their positions
}

// Refused is the error of a request that the server does not grant, or in which it has failed.
type Refused struct {
	Status int // 400 to 599
	Lines  []string
}

// Error returns the first line, and how many more there are.
func (e *Refused) Error() string {
	switch len(e.Lines) {
	case 0:
		return "the server refuses without a reason"
	case 1:
		return e.Lines[0]
	}
	return e.Lines[0] + " (and more)"
}
