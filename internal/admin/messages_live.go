package admin

import (
	"encoding/json"
	"time"
)

// All durations are seconds, all sizes bytes.

// Requests is what is being answered, the oldest first.
type Requests struct {
	Requests []Request `json:"requests"`
}

// Request is a request in flight.
type Request struct {
	ID         string  `json:"id"`
	Connection uint64  `json:"connection"`
	Client     string  `json:"client"` // address without its port; "" for a unix socket
	User       string  `json:"user,omitempty"`
	Method     string  `json:"method"`
	Target     string  `json:"target"` // secrets masked
	Host       string  `json:"host"`
	Route      Route   `json:"route"`
	Phase      string  `json:"phase"` // "head", "body", "queue", "app", "stream", "send"
	InPhase    float64 `json:"in_phase"`
	Age        float64 `json:"age"`
	App        string  `json:"app,omitempty"`    // that answers it
	Worker     int     `json:"worker,omitempty"` // that is at it; 0 for none
	PID        int     `json:"pid,omitempty"`    // of the worker
}

// Route names what answers.
type Route struct {
	Site string `json:"site"` // "" is the default site
	Path string `json:"path"` // "" where no route was chosen
}

// Stack is where the program that answers a request is.
type Stack struct {
	ID     string    `json:"id"`
	App    string    `json:"app"`
	Worker int       `json:"worker"`
	PID    int       `json:"pid"`
	Taken  time.Time `json:"taken"`
	Line   string    `json:"line"` // the innermost frame: "shop/views.py:12 in checkout"
	Text   string    `json:"text"` // all threads, that of the request first; the innermost frame last, as a traceback has it
}

// Killed tells that a request was ended.
type Killed struct {
	ID string `json:"id"`
}

// Workers is the workers of all applications.
type Workers struct {
	Applications []Application `json:"applications"`
}

// Statistics is what has happened lately.
type Statistics struct {
	Window      float64     `json:"window"` // what "lately" is: the routes', clients' and loops' values are of these last seconds
	Totals      Totals      `json:"totals"` // since the start
	Connections Connections `json:"connections"`
	Loops       []Loop      `json:"loops"`
	Routes      []RouteStat `json:"routes"`  // the most requests first; at most 1,000
	Clients     []TopClient `json:"clients"` // the most requests first; at most 50, and approximate
	LostLines   int64       `json:"lost_lines"`
	Buckets     []float64   `json:"buckets"` // upper bounds of Tick.Latency, ascending; the last bucket has none
}

// Totals counts since the start.
type Totals struct {
	Requests int64            `json:"requests"`
	Status   map[string]int64 `json:"status"` // by class: "1xx" to "5xx", "none" for no answer
	Sent     int64            `json:"sent"`
	Received int64            `json:"received"`
}

// Connections is how many there are, by what they are at.
type Connections struct {
	Idle     int    `json:"idle"`
	Reading  int    `json:"reading"`
	Handling int    `json:"handling"`
	Sending  int    `json:"sending"`
	Closing  int    `json:"closing"`
	Accepted uint64 `json:"accepted"`
	Refused  uint64 `json:"refused"`
}

// Loop is an event loop.
type Loop struct {
	Connections int     `json:"connections"`
	Lag         float64 `json:"lag"` // the longest that something has waited for its turn lately
}

// RouteStat is how a route does.
type RouteStat struct {
	Route
	Requests int64              `json:"requests"` // in the window
	Errors   int64              `json:"errors"`   // of these, 5xx and no answer
	Sent     int64              `json:"sent"`
	P50      float64            `json:"p50"`
	P90      float64            `json:"p90"`
	P99      float64            `json:"p99"`
	P999     float64            `json:"p999"`
	Phases   map[string]float64 `json:"phases"` // mean of each phase
}

// TopClient is who sends requests.
type TopClient struct {
	Address  string `json:"address"`
	Requests int64  `json:"requests"`
	Sent     int64  `json:"sent"`
}

// Tick is one second, and a message of the event stream ("event: tick").
type Tick struct {
	Time     int64              `json:"time"` // Unix seconds: the second that has ended then
	Requests int64              `json:"requests"`
	Status   map[string]int64   `json:"status"`  // as in Totals; classes with none are left out
	Phases   map[string]float64 `json:"phases"`  // sums
	Latency  []int64            `json:"latency"` // requests by their duration, see Statistics.Buckets
	P50      float64            `json:"p50"`
	P90      float64            `json:"p90"`
	P99      float64            `json:"p99"`
	P999     float64            `json:"p999"`
	Sent     int64              `json:"sent"`
	InFlight int64              `json:"in_flight"`
	Waiting  int                `json:"waiting"` // for workers
	Open     int                `json:"open"`    // connections
}

// History is the last seconds, the oldest first.
type History struct {
	Ticks []Tick `json:"ticks"`
}

// Hello is the first message of the event stream ("event: hello").
type Hello struct {
	Version string    `json:"version"`
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
}

// LogLine is a message of the event stream ("event: log"): a line of the access log in the format json, whatever format the log itself has.
type LogLine = json.RawMessage

// Recent is what the flight recorder has, the latest first.
type Recent struct {
	Exchanges []Exchange `json:"exchanges"`
}

// Exchange is a request with its response, as the flight recorder has kept it; secrets are masked.
type Exchange struct {
	ID           string             `json:"id"`
	Time         time.Time          `json:"time"`
	Client       string             `json:"client"`
	Method       string             `json:"method"`
	Target       string             `json:"target"`
	Host         string             `json:"host"`
	Route        Route              `json:"route"`
	Status       int                `json:"status"`
	Duration     float64            `json:"duration"`
	Phases       map[string]float64 `json:"phases"`
	Sent         int64              `json:"sent"`
	Received     int64              `json:"received"`
	Aborted      bool               `json:"aborted,omitempty"`
	Kept         bool               `json:"kept"` // for its status or on demand; the others go when room is wanted
	Stack        string             `json:"stack,omitempty"`
	RequestHead  string             `json:"request_head,omitempty"` // the last four only when one exchange is asked for
	RequestBody  []byte             `json:"request_body,omitempty"` // base64, as encoding/json has it
	ResponseHead string             `json:"response_head,omitempty"`
	ResponseBody []byte             `json:"response_body,omitempty"`
}

// ReplayOrder asks for a request to be sent again.
type ReplayOrder struct {
	Force bool `json:"force"` // also if its method is not safe (RFC 9110, section 9.2.1)
}

// Replayed is what has come of it.
type Replayed struct {
	ID       string  `json:"id"`       // of the new request
	Status   int     `json:"status"`   // of its answer
	Before   int     `json:"before"`   // the status of the recorded one
	Duration float64 `json:"duration"` // as the sender has seen it
	Head     string  `json:"head"`
	Body     []byte  `json:"body"` // the first KiB
}

// Configuration is what is in force.
type Configuration struct {
	File string `json:"file"`
	Text string `json:"text"` // TOML, secrets masked
}
