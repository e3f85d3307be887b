package app

import (
	"strings"

	"highball"
	"highball/internal/compress"
	"highball/internal/config"
	"highball/internal/policy"
)

// guard returns a handler that answers as next does, under the policy of a route of a site.
func (o *opening) guard(s *config.Site, r *config.Route, next highball.Handler) (highball.Handler, error) {
	if c := r.Policy.Compress; c != nil && !c.Off {
		next = compress.New(compress.Config{Encodings: c.Encodings, Types: c.Types, MinSize: c.MinSize}, next)
	}
	h, err := policy.New(o.policyOf(s, r), next)
	if err != nil {
		return nil, remedied(err, openRemedy(err))
	}
	return o.label(s, r, h), nil
}

// siteName is what logs and metrics call a site.
func siteName(s *config.Site) string {
	if len(s.Hosts) == 0 {
		return ""
	}
	return s.Hosts[0]
}

// policyOf returns the policy of a route of a site in the terms of package policy.
func (o *opening) policyOf(s *config.Site, r *config.Route) policy.Config {
	p := &r.Policy
	c := policy.Config{StripPrefix: r.StripPrefix, MaxBody: p.MaxBody, Deadline: p.Handler, Shared: o.shared, Logger: o.log}
	for _, edit := range p.Headers {
		c.Headers = append(c.Headers, policy.Edit{Op: operation(edit.Op), Name: edit.Name, Value: edit.Value})
	}
	if p.CacheControl != nil {
		c.CacheControl = *p.CacheControl
	}
	if cors := p.CORS; cors != nil && !cors.Off {
		c.CORS = &policy.CORS{
			Origins: cors.Origins, Methods: cors.Methods, Headers: cors.Headers, Expose: cors.Expose, Credentials: cors.Credentials, MaxAge: cors.MaxAge,
		}
		if r.Root != "" && len(cors.Methods) == 0 {
			c.CORS.Methods = []string{"GET", "HEAD", "OPTIONS"} // uploads are for pages of the site's own, unless others are let in by name
		}
	}
	if auth := p.Auth; auth != nil && !auth.Off {
		c.Auth = &policy.Auth{Users: auth.Users, Realm: auth.Realm}
	}
	if access := p.Access; access != nil && !access.Off {
		c.Access = &policy.Access{Allow: access.Allow, Deny: access.Deny}
	}
	if rate := p.Rate; rate != nil && !rate.Off {
		c.Rate = &policy.Rate{Requests: rate.Requests, Per: rate.Per, Burst: rate.Burst, Key: rateKey(rate.Key), Scope: rateScope(s, r)}
	}
	if m := p.Maintenance; m != nil && !m.Off {
		c.Maintenance = &policy.Maintenance{Page: m.Page, RetryAfter: m.RetryAfter, Allow: m.Allow}
	}
	if c.MaxBody == nil && r.CGI != "" {
		c.MaxBody = &o.c.Limits.Body // the server's own lets the largest upload pass
	}
	return c
}

// operation returns what is done to a field in the terms of package policy.
func operation(op config.HeaderOp) policy.Op {
	switch op {
	case config.HeaderAdd:
		return policy.Add
	case config.HeaderRemove:
		return policy.Remove
	}
	return policy.Set
}

// rateKey reads what a rate counts by, as config.Rate has it.
func rateKey(key string) policy.Key {
	if name, ok := strings.CutPrefix(key, "header:"); ok {
		return policy.Field(name)
	}
	if key == "user" {
		return policy.User()
	}
	return policy.Address()
}

// rateScope names what a limit of rate counts together: all routes that have it from their site, or the one that has its own.
func rateScope(s *config.Site, r *config.Route) string {
	scope := strings.Join(append(append([]string{}, s.Listen...), hostsOf(s)...), " ")
	if r.Policy.Rate == s.Policy.Rate {
		return scope
	}
	return scope + " " + r.Path + " " + strings.Join(r.Methods, " ")
}

// mountOf returns what is taken from the front of a route's paths to find what its handler is asked for: nothing of a single path, and
// nothing of a pattern.
func mountOf(r *config.Route) string {
	mount, below := strings.CutSuffix(r.Path, "/")
	if !below || config.IsPattern(r.Path) {
		return ""
	}
	return strings.TrimPrefix(mount, strings.TrimSuffix(r.StripPrefix, "/"))
}
