package config

// OTLP says where traces are sent to.
type OTLP struct {
	Endpoint string       // the URL of a collector, to which the path of its service is added; "" sends none
	Sample   float64      // the share of the requests, from 0 to 1, that are traced where the client has not decided that
	Headers  []HeaderEdit // fields of each request to the collector, all of them set
	Service  string       // how the server is called there
}

// DefaultService is how the server is called in traces where nobody says otherwise.
const DefaultService = "highball"
