package config

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Overrides are the settings that the environment and the command line can put over a file's. A
// nil field leaves the setting as it is.
type Overrides struct {
	Bind      *string        // host to listen at, without a port; "" is every interface
	Port      *int           // 0 is any free port
	AccessLog *string        // a format of [Log].Access
	StatsLog  *string        // [Log].StatsFile; "" is none
	Slow      *time.Duration // [Log].Slow
	CORS      *bool
	Cache     *time.Duration // Off sends no Cache-Control
	Listing   *bool
	SPA       *bool
	Upload    *bool
	Debug     *bool
	Trace     *bool
	Timeout   *time.Duration // [Timeouts].Handler

	// Settings of applications, see [App].
	Workers       *int
	MaxWorkers    *int
	Threads       *int
	Preload       *bool
	Python        *string
	MaxRequests   *int // 0 is never
	MaxAge        *time.Duration
	MaxMemory     *int64
	QueueLimit    *int
	QueueDeadline *time.Duration
	MaxBody       *int64
	Reload        *bool
}

// override is one setting by the name of its flag.
type override struct {
	name string
	set  func(*Overrides, string) error
}

// overrides returns the table of all settings. Their names are those of the flags; in the
// environment they are written HIGHBALL_ACCESS_LOG.
func overrides() []override {
	return []override{
		{"bind", func(o *Overrides, s string) error { return store(&o.Bind, s, parseBind) }},
		{"port", func(o *Overrides, s string) error { return store(&o.Port, s, parsePort) }},
		{"access-log", func(o *Overrides, s string) error { return store(&o.AccessLog, s, parseAccess) }},
		{"stats-log", func(o *Overrides, s string) error { return store(&o.StatsLog, s, parseLogFile) }},
		{"slow", func(o *Overrides, s string) error { return store(&o.Slow, s, parseDeadline) }},
		{"cors", func(o *Overrides, s string) error { return store(&o.CORS, s, parseSwitch) }},
		{"cache", func(o *Overrides, s string) error { return store(&o.Cache, s, parseMaxAge) }},
		{"listing", func(o *Overrides, s string) error { return store(&o.Listing, s, parseSwitch) }},
		{"spa", func(o *Overrides, s string) error { return store(&o.SPA, s, parseSwitch) }},
		{"upload", func(o *Overrides, s string) error { return store(&o.Upload, s, parseSwitch) }},
		{"debug", func(o *Overrides, s string) error { return store(&o.Debug, s, parseSwitch) }},
		{"trace", func(o *Overrides, s string) error { return store(&o.Trace, s, parseSwitch) }},
		{"timeout", func(o *Overrides, s string) error { return store(&o.Timeout, s, parseDeadline) }},
		{"workers", func(o *Overrides, s string) error { return store(&o.Workers, s, parseNumber) }},
		{"max-workers", func(o *Overrides, s string) error { return store(&o.MaxWorkers, s, parseNumber) }},
		{"threads", func(o *Overrides, s string) error { return store(&o.Threads, s, parseNumber) }},
		{"preload", func(o *Overrides, s string) error { return store(&o.Preload, s, parseSwitch) }},
		{"python", func(o *Overrides, s string) error { return store(&o.Python, s, parsePython) }},
		{"max-requests", func(o *Overrides, s string) error { return store(&o.MaxRequests, s, neverOr(parseNumber)) }},
		{"max-age", func(o *Overrides, s string) error { return store(&o.MaxAge, s, neverOr(parsePeriod)) }},
		{"max-memory", func(o *Overrides, s string) error { return store(&o.MaxMemory, s, neverOr(parseAmount)) }},
		{"queue", func(o *Overrides, s string) error { return store(&o.QueueLimit, s, parseNumber) }},
		{"queue-timeout", func(o *Overrides, s string) error { return store(&o.QueueDeadline, s, parsePeriod) }},
		{"max-body", func(o *Overrides, s string) error { return store(&o.MaxBody, s, parseMaxBody) }},
		{"reload", func(o *Overrides, s string) error { return store(&o.Reload, s, parseSwitch) }},
	}
}

// store puts what parse makes of s into a field of Overrides.
func store[T any](into **T, s string, parse func(string) (T, error)) error {
	v, err := parse(s)
	if err == nil {
		*into = &v
	}
	return err
}

// Set stores the value of one setting, given as text, under the name of its flag, such as "access-log". Switches take
// true and false. The error is an *Error without a position.
func (o *Overrides) Set(name, value string) error {
	var names []string
	for _, known := range overrides() {
		if known.name == name {
			return known.set(o, value)
		}
		names = append(names, known.name)
	}
	return fault(didYouMean(name, names), "unknown setting %q", name)
}

// Apply puts o over the configuration. Settings of sites are put over those of every site and its routes, those of applications
// over those of every application. A host
// or a port replaces all listeners by one, which keeps what o does not name from the first TCP listener there
// was. To have the command line go before the environment, apply it last.
func (c *Config) Apply(o Overrides) {
	if o.Bind != nil || o.Port != nil {
		c.listenAt(o)
	}
	if o.AccessLog != nil {
		c.Log.Access, c.Log.AccessPos = *o.AccessLog, Pos{}
	}
	put(&c.Log.StatsFile, o.StatsLog)
	put(&c.Log.Slow, o.Slow)
	put(&c.Debug, o.Debug)
	put(&c.Trace, o.Trace)
	put(&c.Timeouts.Handler, o.Timeout)
	for i := range c.Apps {
		c.Apps[i].apply(o)
	}
	for i := range c.Sites {
		s := &c.Sites[i]
		s.applyCORS(o.CORS)
		put(&s.Listing, o.Listing)
		put(&s.SPA, o.SPA)
		put(&s.Upload, o.Upload)
		if o.Cache != nil {
			s.Cache = nil
			if age := *o.Cache; age >= 0 {
				s.Cache = &age
			}
		}
		for j := range s.Routes {
			s.Routes[j].Files.yield(o)
		}
	}
}

// applyCORS has every origin, or none, use the site and its routes.
func (s *Site) applyCORS(open *bool) {
	if open == nil {
		return
	}
	var all *CORS
	if *open {
		all = &CORS{Origins: []string{"*"}}
	}
	s.Policy.CORS = all
	for i := range s.Routes {
		s.Routes[i].Policy.CORS = all
	}
}

// yield takes the settings away that o has for all sites.
func (f *Files) yield(o Overrides) {
	if o.Listing != nil {
		f.Listing = nil
	}
	if o.SPA != nil {
		f.SPA = nil
	}
	if o.Cache != nil {
		f.Cache = nil
	}
}

func put[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// listenAt puts the listener that o asks for in place of all. Sites that did not answer at the one whose place it takes are left out.
func (c *Config) listenAt(o Overrides) {
	host, port, old := DefaultHost, strconv.Itoa(DefaultPort), ""
	for _, l := range c.Listen {
		if l.Network == "tcp" {
			host, port, _ = net.SplitHostPort(l.Address)
			old = l.String()
			break
		}
	}
	put(&host, o.Bind)
	if o.Port != nil {
		port = strconv.Itoa(*o.Port)
	}
	l := Listener{Network: "tcp", Address: net.JoinHostPort(host, port)}
	c.Listen = []Listener{l}
	c.Sites = slices.DeleteFunc(c.Sites, func(s Site) bool {
		gone := s.Listen != nil && !slices.Contains(s.Listen, old)
		if gone {
			c.Notices = append(c.Notices, &Error{s.Pos, "this site is left out, since the server listens at " + l.String() + " alone",
				"leave out the host and the port, which go before the listen of the file"})
		}
		return gone
	})
	for i := range c.Sites {
		if s := &c.Sites[i]; s.Listen != nil {
			s.Listen = []string{l.String()}
		}
	}
}

// parseBind reads a host to listen at. IPv6 addresses may have brackets.
func parseBind(s string) (string, error) {
	host := s
	if strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]") {
		host = s[1 : len(s)-1]
	}
	if addr, err := netip.ParseAddr(host); err == nil && (addr.Is6() || host == s) {
		return host, nil
	}
	if name, port, err := net.SplitHostPort(s); err == nil {
		return "", fault("give the host "+strconv.Quote(name)+" here and the port "+strconv.Quote(port)+" on its own", "%q is more than a host", s)
	}
	return s, checkListenHost(s, s)
}
