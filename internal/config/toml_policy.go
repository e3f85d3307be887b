package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// withPolicy adds the keys of a policy, which sites and routes have alike, to those of a site or a route.
func (d *decoder) withPolicy(p *Policy, own ...field) []field {
	return append(own,
		field{"headers", d.headers(&p.Headers)},
		field{"cors", d.cors(&p.CORS)},
		field{"cache_control", text(d, `a value of Cache-Control in quotes, or "off"`, &p.CacheControl, parseCacheControl)},
		field{"auth", d.auth(&p.Auth)},
		field{"allow", d.access(&p.Access, func(a *Access, all []netip.Prefix) { a.Allow = all })},
		field{"deny", d.access(&p.Access, func(a *Access, all []netip.Prefix) { a.Deny = all })},
		field{"rate", d.rate(&p.Rate)},
		field{"max_body", func(v value) {
			p.MaxBody = new(int64)
			d.size(p.MaxBody)(v)
		}},
		field{"timeout", func(v value) {
			p.Handler = new(time.Duration)
			d.timeout(p.Handler)(v)
		}},
		field{"server_timing", func(v value) {
			p.ServerTiming = new(bool)
			d.bool(p.ServerTiming)(v)
		}},
		field{"compress", d.compress(&p.Compress)},
		field{"maintenance", d.maintenance(&p.Maintenance)},
	)
}

// switched returns a setter for what is true, false, or a table that begins as true does.
func switched[T any](d *decoder, want string, into **T, on, off T, read func(value, *T)) func(value) {
	return func(v value) {
		switch {
		case v.table != nil:
			t := on
			read(v, &t)
			*into = &t
		case v.kind == unstable.Bool && v.text == "true":
			t := on
			*into = &t
		case v.kind == unstable.Bool:
			t := off
			*into = &t
		default:
			d.mismatch(v, want)
		}
	}
}

// checkPolicy checks what no single key of a policy shows.
func (d *decoder) checkPolicy(t *table, p *Policy) {
	if p.Access == nil {
		return
	}
	if deny := t.find("deny"); p.Access.Off && deny != nil {
		d.errs.add(deny.pos, `deny has no meaning beside allow = "all"`, "leave one of them out")
	}
	for _, prefix := range p.Access.Deny {
		if slices.Contains(p.Access.Allow, prefix) {
			d.errs.add(t.find("deny").value.pos, fmt.Sprintf("%s is both allowed and denied", prefix), "the longest prefix decides, and these are of one length")
		}
	}
}

// checkUserRates checks that the users whose requests are counted have names somewhere in a site.
func (d *decoder) checkUserRates(t *table, s *Site) {
	named := func(p *Policy) bool { return p.Auth != nil && !p.Auth.Off }
	if named(&s.Policy) {
		return
	}
	for i := range s.Routes {
		if named(&s.Routes[i].Policy) {
			return
		}
	}
	check := func(t *table) {
		if rate := t.find("rate"); rate != nil && rate.value.table != nil {
			if key := rate.value.table.find("key"); key != nil && key.value.text == "user" {
				d.errs.add(key.value.pos, "the requests of each user are to be counted, and nobody has a name", `write auth = { users = "users.htpasswd" }, or key = "address"`)
			}
		}
	}
	check(t)
	if routes := t.find("route"); routes != nil {
		for _, item := range routes.value.items {
			if item.table != nil {
				check(item.table)
			}
		}
	}
}

// cors returns the setter of what scripts of other origins may do.
func (d *decoder) cors(into **CORS) func(value) {
	const want = `true, false, or a table such as { origins = ["https://example.org"] }`
	return switched(d, want, into, CORS{Origins: []string{"*"}}, CORS{Off: true}, func(v value, c *CORS) {
		c.Origins = nil
		d.fields(v, "cors",
			field{"origins", d.words(&c.Origins, `origins in quotes, such as ["https://example.org"]`, parseOrigin)},
			field{"methods", d.methods(&c.Methods)},
			field{"headers", d.words(&c.Headers, `names of header fields in quotes, such as ["X-Api-Key"]`, parseFieldName)},
			field{"expose", d.words(&c.Expose, `names of header fields in quotes, such as ["X-Total"]`, parseFieldName)},
			field{"credentials", d.bool(&c.Credentials)},
			field{"max_age", d.period(&c.MaxAge, parseWait)},
		)
		origins := v.table.find("origins")
		switch {
		case origins == nil:
			c.Origins = []string{"*"}
		case slices.Contains(c.Origins, "*") && len(c.Origins) > 1:
			d.errs.add(origins.value.pos, `"*" is every origin, so the others say nothing`, "leave it out, or the others")
		}
		if !c.Credentials {
			return
		}
		at := v.table.find("credentials").value.pos
		switch star := func(names []string) bool { return slices.Contains(names, "*") }; {
		case star(c.Origins):
			d.errs.add(at, "browsers send no credentials where every origin is let in", `name the origins: origins = ["https://example.org"]`)
		case star(c.Headers) || star(c.Expose):
			d.errs.add(at, `beside credentials "*" is the name of a field`, "name the fields")
		}
	})
}

// parseOrigin checks an origin as browsers send it (RFC 6454, section 6.2).
func parseOrigin(s string) (string, error) {
	if s == "*" {
		return s, nil
	}
	scheme, host, ok := strings.Cut(s, "://")
	if bare := strings.TrimSuffix(host, "/"); ok && bare != host {
		return "", fault(fmt.Sprintf("did you mean %q?", scheme+"://"+bare), "%q is not an origin", s)
	}
	name, port := host, ""
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		name, port = host[:colon], host[colon+1:]
		if _, err := parsePort(port); err != nil {
			name = ""
		}
	}
	clean, err := parseHost(name)
	switch {
	case !ok || err != nil || strings.Contains(name, "*") || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" || scheme == "":
		return "", fault(`write scheme and host, such as "https://example.org", or "*" for all`, "%q is not an origin", s)
	case clean != name:
		return "", fault(fmt.Sprintf("write it as browsers do: %q", scheme+"://"+strings.Replace(host, name, clean, 1)), "%q is not an origin", s)
	case scheme == "http" && port == "80" || scheme == "https" && port == "443":
		return "", fault(fmt.Sprintf("write it as browsers do: %q", scheme+"://"+name), "%q is not an origin: that port is never said", s)
	}
	return s, nil
}

// auth returns the setter of who is let in.
func (d *decoder) auth(into **Auth) func(value) {
	return func(v value) {
		if v.kind == unstable.Bool && v.text == "false" {
			*into = &Auth{Off: true}
			return
		}
		if v.table == nil {
			d.mismatch(v, `a table such as { users = "users.htpasswd" }, or false`)
			return
		}
		a := &Auth{Realm: "restricted"}
		d.fields(v, "auth",
			field{"users", text(d, "the path of an htpasswd file in quotes", &a.Users, d.resolveFile)},
			field{"realm", text(d, "the name of what is protected in quotes", &a.Realm, parseRealm)},
		)
		if v.table.find("users") == nil {
			d.errs.add(v.pos, "auth has no users", `write auth = { users = "users.htpasswd" }, a file that htpasswd makes`)
		}
		*into = a
	}
}

// parseRealm checks the name of what is protected, which ends up between quotes in a header field.
func parseRealm(s string) (string, error) {
	if s == "" || strings.IndexFunc(s, notPrintable) >= 0 || strings.ContainsAny(s, `"\`) {
		return "", fault("write ASCII letters without quotes and backslashes", "%q cannot be a realm", s)
	}
	return s, nil
}

// rate returns the setter of how many requests a client may make.
func (d *decoder) rate(into **Rate) func(value) {
	return func(v value) {
		if v.kind == unstable.String && v.text == "off" {
			*into = &Rate{Off: true}
			return
		}
		if v.table == nil {
			d.mismatch(v, `a table such as { requests = 10, per = "1s" }, or "off"`)
			return
		}
		r := &Rate{Per: time.Second, Key: "address"}
		d.fields(v, "rate",
			field{"requests", d.count(&r.Requests, 1)},
			field{"per", d.period(&r.Per, parseWait)},
			field{"burst", d.count(&r.Burst, 0)},
			field{"key", text(d, `"address", "user" or "header:NAME"`, &r.Key, parseRateKey)},
		)
		if v.table.find("requests") == nil {
			d.errs.add(v.pos, "rate does not say how many requests", `write rate = { requests = 10, per = "1s" }`)
		}
		if v.table.find("burst") == nil {
			r.Burst = r.Requests
		} else if pace := max(1, r.Per/time.Duration(max(1, r.Requests))); time.Duration(r.Burst) > 365*24*time.Hour/pace {
			d.errs.add(v.table.find("burst").value.pos, fmt.Sprintf("a burst of %d takes longer than a year to be made up for", r.Burst), "write a smaller one")
		}
		*into = r
	}
}

// parseRateKey reads what tells clients apart.
func parseRateKey(s string) (string, error) {
	if name, ok := strings.CutPrefix(s, "header:"); ok {
		_, err := parseFieldName(name)
		return s, err
	}
	if s != "address" && s != "user" {
		return "", fault(didYouMean(s, []string{"address", "user", "header:NAME"}), "%q does not tell clients apart", s)
	}
	return s, nil
}

// compress returns the setter of how bodies are encoded.
func (d *decoder) compress(into **Compress) func(value) {
	const want = `true, false, or a table such as { encodings = ["br", "gzip"] }`
	const smallest = 1 << 10 // below it the fields that an encoding adds outweigh what it saves
	return switched(d, want, into, Compress{MinSize: smallest}, Compress{Off: true}, func(v value, c *Compress) {
		d.fields(v, "compress",
			field{"encodings", d.words(&c.Encodings, `encodings in quotes, such as ["zstd", "br", "gzip"]`, func(s string) (string, error) {
				return oneOf(s, "encoding", "zstd", "br", "gzip")
			})},
			field{"types", d.words(&c.Types, `media types in quotes, such as ["text/*", "application/json"]`, parseMediaRange)},
			field{"min_size", d.size(&c.MinSize)},
		)
		if e := v.table.find("min_size"); e != nil && c.MinSize == Off {
			d.errs.add(e.value.pos, `min_size is "off"`, "write 1 to encode bodies of every size")
		}
	})
}

// parseMediaRange reads a media type, or several: "text/*", "application/*+json", "*/*".
func parseMediaRange(s string) (string, error) {
	kind, subtype, _ := strings.Cut(s, "/")
	suffix, some := strings.CutPrefix(subtype, "*+")
	stars := strings.Contains(kind, "*") && (kind != "*" || subtype != "*") || strings.Contains(suffix, "*") && subtype != "*" || some && suffix == ""
	if !isToken(kind) || !isToken(subtype) || stars {
		return "", fault(`write it as in "text/html", or "text/*" for all of a kind`, "%q is not a media type", s)
	}
	return strings.ToLower(s), nil
}

// maintenance returns the setter of what is answered while a site is closed.
func (d *decoder) maintenance(into **Maintenance) func(value) {
	const want = `true, false, or a table such as { page = "down.html" }`
	return switched(d, want, into, Maintenance{}, Maintenance{Off: true}, func(v value, m *Maintenance) {
		on := true
		d.fields(v, "maintenance",
			field{"page", text(d, "the path of a file in quotes", &m.Page, d.resolveFile)},
			field{"retry_after", d.period(&m.RetryAfter, parseWait)},
			field{"allow", d.prefixes(`addresses or prefixes in quotes, such as ["10.0.0.1"]`, &m.Allow)},
			field{"on", d.bool(&on)},
		)
		m.Off = !on
	})
}

// access returns the setter of addresses that are let in, or not, which store puts into the rest.
func (d *decoder) access(into **Access, store func(*Access, []netip.Prefix)) func(value) {
	const want = `addresses or prefixes in quotes, such as ["10.0.0.0/8", "192.0.2.1"]`
	return func(v value) {
		if *into == nil {
			*into = new(Access)
		}
		if v.kind == unstable.String && v.text == "all" && v.key == "allow" {
			(*into).Off = true
			return
		}
		var all []netip.Prefix
		d.prefixes(want, &all)(v)
		store(*into, all)
	}
}

// prefixes returns a setter that stores addresses and prefixes.
func (d *decoder) prefixes(want string, into *[]netip.Prefix) func(value) {
	return func(v value) {
		d.list(want, func(item value) {
			prefix, err := parsePrefix(item.text)
			switch {
			case err != nil:
				d.errs.fail(item.pos, err)
			case slices.Contains(*into, prefix):
				d.errs.add(item.pos, fmt.Sprintf("%s is named twice", prefix), "write it once")
			default:
				*into = append(*into, prefix)
			}
		})(v)
		d.notEmpty(v)
	}
}

// words returns a setter that stores what parse makes of each string of an array.
func (d *decoder) words(into *[]string, want string, parse func(string) (string, error)) func(value) {
	return func(v value) {
		d.list(want, func(item value) {
			word, err := parse(item.text)
			switch {
			case err != nil:
				d.errs.fail(item.pos, err)
			case slices.Contains(*into, word):
				d.errs.add(item.pos, fmt.Sprintf("%q is named twice", word), "write it once")
			default:
				*into = append(*into, word)
			}
		})(v)
		d.notEmpty(v)
	}
}

func (d *decoder) notEmpty(v value) {
	if v.kind == unstable.Array && len(v.items) == 0 {
		d.errs.add(v.pos, v.key+" is empty", "leave it out, or name something")
	}
}

// parsePrefix reads an address, which is a prefix of its whole length, or a prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	switch {
	case err != nil || prefix.Addr().Is4In6():
		return netip.Prefix{}, fault(`write it as in "192.0.2.1", "10.0.0.0/8" or "2001:db8::/32"`, "%q is neither an address nor a prefix of addresses", s)
	case prefix.Masked() != prefix:
		return netip.Prefix{}, fault(fmt.Sprintf("did you mean %q?", prefix.Masked()), "%q has more bits than its length says", s)
	}
	return prefix, nil
}
