package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Overrides are the settings that the environment and the command line can put over a file's. A
// nil field leaves the setting as it is.
type Overrides struct {
	Bind      *string // host to listen at, without a port; "" is every interface
	Port      *int    // 0 is any free port
	AccessLog *string // a format of [Log].Access
	CORS      *bool
	Cache     *time.Duration // Off sends no Cache-Control
	Listing   *bool
	SPA       *bool
	Upload    *bool
	Debug     *bool
	Trace     *bool
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
		{"cors", func(o *Overrides, s string) error { return store(&o.CORS, s, parseSwitch) }},
		{"cache", func(o *Overrides, s string) error { return store(&o.Cache, s, parseMaxAge) }},
		{"listing", func(o *Overrides, s string) error { return store(&o.Listing, s, parseSwitch) }},
		{"spa", func(o *Overrides, s string) error { return store(&o.SPA, s, parseSwitch) }},
		{"upload", func(o *Overrides, s string) error { return store(&o.Upload, s, parseSwitch) }},
		{"debug", func(o *Overrides, s string) error { return store(&o.Debug, s, parseSwitch) }},
		{"trace", func(o *Overrides, s string) error { return store(&o.Trace, s, parseSwitch) }},
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

// Set stores the value of one setting, given as text, under the name of its flag: bind, port,
// access-log, cors, cache, listing, spa, upload, debug or trace. Switches take true and
// false. The error is an *Error without a position.
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

// Apply puts o over the configuration. Settings of sites are put over those of every site. A host
// or a port replaces all listeners by one, which keeps what o does not name from the first TCP listener there
// was. To have the command line go before the environment, apply it last.
func (c *Config) Apply(o Overrides) {
	if o.Bind != nil || o.Port != nil {
		c.Listen = []Listener{c.listener(o)}
	}
	put(&c.Log.Access, o.AccessLog)
	put(&c.Debug, o.Debug)
	put(&c.Trace, o.Trace)
	for i := range c.Sites {
		s := &c.Sites[i]
		put(&s.CORS, o.CORS)
		put(&s.Listing, o.Listing)
		put(&s.SPA, o.SPA)
		put(&s.Upload, o.Upload)
		if o.Cache != nil {
			s.Cache = nil
			if age := *o.Cache; age >= 0 {
				s.Cache = &age
			}
		}
	}
}

func put[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// listener returns the listener that o asks for.
func (c *Config) listener(o Overrides) Listener {
	host, port := DefaultHost, strconv.Itoa(DefaultPort)
	for _, l := range c.Listen {
		if l.Network == "tcp" {
			host, port, _ = net.SplitHostPort(l.Address)
			break
		}
	}
	put(&host, o.Bind)
	if o.Port != nil {
		port = strconv.Itoa(*o.Port)
	}
	return Listener{Network: "tcp", Address: net.JoinHostPort(host, port)}
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
