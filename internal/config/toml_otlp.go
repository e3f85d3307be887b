package config

import (
	"net/url"
	"strings"
)

// otlp is the table of the keys of [otlp].
func (d *decoder) otlp(into *OTLP) []field {
	return []field{
		field{"endpoint", text(d, `the URL of a collector in quotes, such as "http://127.0.0.1:4318"`, &into.Endpoint, parseEndpoint)},
		field{"sample", d.fraction(&into.Sample)},
		field{"headers", d.collectorHeaders(&into.Headers)},
		field{"service", text(d, `a name in quotes, such as "shop"`, &into.Service, parseService)},
	}
}

// collectorHeaders returns the setter of fields that are sent to a collector.
func (d *decoder) collectorHeaders(into *[]HeaderEdit) func(value) {
	return func(v value) {
		if v.table == nil {
			d.mismatch(v, `a table of header fields and values, such as { Authorization = "file:collector.token" }`)
			return
		}
		d.headerValues(HeaderSet, into, make(map[string]Pos))(v)
	}
}

// parseEndpoint checks the URL of a collector.
func parseEndpoint(s string) (string, error) {
	const remedy = `write it as in "http://127.0.0.1:4318"`
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Opaque != "":
		return "", fault(remedy, "%q is not the URL of a collector", s)
	case u.User != nil:
		return "", fault(`write headers = { Authorization = "file:PATH" }`, "a password in a URL shows in logs")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", fault(remedy, "the URL of a collector has no query and no fragment")
	}
	return s, nil
}

// parseService checks the name of the service.
func parseService(s string) (string, error) {
	if s == "" || len(s) > 255 || strings.IndexFunc(s, isControl) >= 0 {
		return "", fault("write a name of up to 255 characters in one line", "%q cannot be the name of a service", s)
	}
	return s, nil
}
