package config

import (
	"net/netip"
	"time"
)

// Policy is what holds for requests and answers whatever handles them. A site has one and each of its routes has one; what a
// route leaves unset is as its site has it, see [Policy.Over].
type Policy struct {
	Headers      []HeaderEdit   // of answers, in order: those of the site first
	CORS         *CORS          // nil adds no fields
	CacheControl *string        // value of Cache-Control of answers that succeed and have none; "" is off
	Auth         *Auth          // nil lets everybody in
	Access       *Access        // nil lets every address in
	Rate         *Rate          // nil does not count
	MaxBody      *int64         // bytes of a request's body, or Off
	Handler      *time.Duration // deadline of the handler in place of Timeouts.Handler, or Off
	Compress     *Compress      // nil sends bodies as they are
	Maintenance  *Maintenance   // nil is open
	ServerTiming *bool          // whether answers say their phases; nil is false
}

// HeaderEdit is a change to the header of every answer, error pages included.
type HeaderEdit struct {
	Op    HeaderOp
	Name  string
	Value string // "" for HeaderRemove
}

// HeaderOp is what a [HeaderEdit] does.
type HeaderOp uint8

// What can be done to a field.
const (
	HeaderSet    HeaderOp = iota // in place of every field of that name
	HeaderAdd                    // beside them
	HeaderRemove                 // none of that name is sent
)

// CORS lets scripts of other origins use what answers (Fetch standard, section 3.3).
type CORS struct {
	Off         bool     // a route's, where its site has one
	Origins     []string // "https://example.org"; "*" alone is every origin
	Methods     []string // of preflight answers; empty is what was asked for
	Headers     []string // likewise
	Expose      []string // fields of answers that scripts may read
	Credentials bool     // never with the origin "*"
	MaxAge      time.Duration
}

// Auth asks for a user name and a password (RFC 7617).
type Auth struct {
	Off   bool   // a route's, where its site has one
	Users string // absolute path of an htpasswd file
	Realm string
}

// Access says which clients are let in by address. The longest prefix that an address lies in decides; one in none is
// let in unless something is allowed.
type Access struct {
	Off   bool // a route's, where its site has one
	Allow []netip.Prefix
	Deny  []netip.Prefix
}

// Rate bounds the requests of each client, by the generic cell rate algorithm; beyond it they are answered by 429.
type Rate struct {
	Off      bool // a route's, where its site has one
	Requests int  // in each Per
	Per      time.Duration
	Burst    int    // so many at once, beyond the even pace
	Key      string // "address", "user", or "header:NAME"
}

// Compress encodes the bodies of answers as the client accepts it.
type Compress struct {
	Off       bool     // a route's, where its site has one
	Encodings []string // "zstd", "br", "gzip", in order of preference; empty is all three in this order
	Types     []string // media types, "text/*" for all of a kind; empty is the server's list
	MinSize   int64    // bytes, of bodies whose length is known
}

// Maintenance answers every request by 503.
type Maintenance struct {
	Off        bool          // as if it were not there: the key stays in the file for the next time
	Page       string        // absolute path of an HTML file, "" for the server's own page
	RetryAfter time.Duration // 0 sends no such field
	Allow      []netip.Prefix
}

// Rewrite gives requests of a site another path before a route is chosen, or sends clients there.
type Rewrite struct {
	Match  string // an RE2 regular expression, for the decoded path
	To     string // a path, perhaps with "?query", in which $1 or ${name} stand for what was matched
	Status int    // 301, 302, 303, 307 or 308 redirects; 0 goes on with the new path
	Pos    Pos
}

// Over returns p with what it leaves unset as under has it.
func (p Policy) Over(under Policy) Policy {
	p.Headers = append(under.Headers[:len(under.Headers):len(under.Headers)], p.Headers...)
	p.CORS = either(p.CORS, under.CORS)
	p.CacheControl = either(p.CacheControl, under.CacheControl)
	p.Auth = either(p.Auth, under.Auth)
	p.Access = either(p.Access, under.Access)
	p.Rate = either(p.Rate, under.Rate)
	p.MaxBody = either(p.MaxBody, under.MaxBody)
	p.Handler = either(p.Handler, under.Handler)
	p.Compress = either(p.Compress, under.Compress)
	p.Maintenance = either(p.Maintenance, under.Maintenance)
	p.ServerTiming = either(p.ServerTiming, under.ServerTiming)
	return p
}

func either[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}
