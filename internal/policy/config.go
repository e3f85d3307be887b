package policy

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config says what holds for requests and responses. The zero value says nothing.
type Config struct {
	Headers      []Edit         // of every response, in order, after all else
	CORS         *CORS          // nil adds no fields
	CacheControl string         // Cache-Control of responses of 2xx and 304 that have none; "" adds none
	Auth         *Auth          // nil asks for no user
	Access       *Access        // nil lets every address in
	Rate         *Rate          // nil does not count
	MaxBody      *int64         // bytes of a request's body in place of the server's limit; negative is no limit, nil the server's
	Deadline     *time.Duration // of the handler, from its call, in place of the server's; negative is none, nil the server's
	StripPrefix  string         // taken from the front of the path: "/api" makes "/api/x" "/x", and "/api" "/"; "" is nothing
	Maintenance  *Maintenance   // nil is open

	Shared *Shared          // what is in common with other handlers; nil is nothing
	Logger *slog.Logger     // told of files that cannot be read again; nil is slog.Default()
	Clock  func() time.Time // nil is time.Now
}

// Edit is a change to the header of every response, error pages included. The fields that frame a message (Content-Length,
// Transfer-Encoding, Connection and their like) and Date are the server's alone.
type Edit struct {
	Op    Op
	Name  string
	Value string // not for Remove
}

// Op is what an [Edit] does.
type Op uint8

// What can be done to a field.
const (
	Set    Op = iota // in place of every field of that name
	Add              // beside them
	Remove           // none of that name is sent
)

// CORS lets scripts of other origins use what answers (Fetch standard, section 3.3).
type CORS struct {
	// Origins are compared byte for byte with the Origin field: "https://example.org", "https://example.org:8443", "null".
	// "*" alone is every origin.
	Origins     []string
	Methods     []string      // of preflight answers; empty is what was asked for
	Headers     []string      // likewise
	Expose      []string      // fields of responses that scripts may read
	Credentials bool          // scripts may send cookies and passwords; never with the origin "*"
	MaxAge      time.Duration // for which a preflight answer may be kept; 0 leaves it to the client
}

// Auth asks for a user name and a password (RFC 7617).
type Auth struct {
	Users string // path of an htpasswd file
	Realm string
}

// Access says which clients are let in by address. The longest prefix that an address lies in decides; one in none is let in
// unless something is allowed. A client without an address, behind a unix socket, lies in none.
type Access struct {
	Allow, Deny []netip.Prefix
}

// Rate bounds the requests of each client.
type Rate struct {
	Requests int // in each Per
	Per      time.Duration
	Burst    int // so many more at once; they are made up for afterwards
	Key      Key

	// Scope names what is counted together: handlers of one Shared whose Rate is the same in everything have one count, unless
	// Scope is "".
	Scope string
}

// Key says what a [Rate] takes for one client.
type Key struct {
	kind  keyKind
	field string
}

type keyKind uint8

const (
	byAddress keyKind = iota
	byUser
	byField
)

// Address is the key of a client's address; of an IPv6 address its first 64 bits, which is what one client has at
// least. Clients behind a unix socket have one count together.
func Address() Key { return Key{} }

// User is the key of the authenticated user; of a request without one it is the address.
func User() Key { return Key{kind: byUser} }

// Field is the key of a request field's first value; of a request without that field it is the address. Whoever can choose the value
// chooses the count: it is for fields that something in front has checked.
func Field(name string) Key { return Key{kind: byField, field: name} }

// Maintenance answers every request by 503.
type Maintenance struct {
	Page       string         // path of an HTML file, "" for the server's own page
	RetryAfter time.Duration  // 0 sends no such field
	Allow      []netip.Prefix // addresses that are let through
}
