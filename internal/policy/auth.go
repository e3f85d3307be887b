package policy

import (
	"fmt"
	"strings"
	"time"

	"highball"
)

// auth asks for a user of a file.
type auth struct {
	users     *users
	challenge *highball.Prepared // 401
	busy      *highball.Prepared // 503: too many passwords are being hashed
}

func (h *handler) buildAuth(cfg *Config) error {
	c := cfg.Auth
	if c == nil {
		return nil
	}
	a := new(auth)
	var challenge, busy highball.Header
	challenge.Set("WWW-Authenticate", "Basic realm="+quoted(c.Realm)+`, charset="UTF-8"`)
	busy.Set("Retry-After", "1")
	var err error
	if a.challenge, err = highball.PrepareErrorPage(401, &challenge); err != nil {
		return fmt.Errorf("the realm %q: %w", c.Realm, err)
	}
	if a.busy, err = highball.PrepareErrorPage(503, &busy); err != nil {
		return err
	}
	if a.users, err = cfg.Shared.open(c.Users, h.clock(), cfg.Logger); err != nil {
		return err
	}
	h.auth = a
	return nil
}

// quoted returns s as a quoted-string (RFC 9110, section 5.6.4).
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// outcome is what came of hashing a password.
type outcome uint8

const (
	known   outcome = iota
	unknown         // no such user, or another password
	crowded         // no turn in time
	gone            // the client, while it waited
)

// verify hashes a password, which takes as long as whoever made the file has asked for, and returns the user's name. A name that
// the file does not have is compared with the entry of another, always the same for that name: nothing of the
// time that it takes tells names that exist from those that do not.
func (a *auth) verify(r *highball.Request, table *table, c *credentials, now time.Time) (string, outcome) {
	if len(table.accounts) == 0 {
		return "", unknown
	}
	name, password := string(c.user()), string(c.password())
	account, exists := table.byName[name]
	if !exists {
		account = table.standIn(name)
	}
	switch out := a.users.hashing.enter(r.Context); out {
	case known:
		defer a.users.hashing.leave()
	default:
		return "", out
	}
	if name, ok := table.verified.lookup(c, now); ok {
		return name, known // by another request, while this one waited for its turn
	}
	if !account.hash.matches(password) || !exists {
		return "", unknown
	}
	table.verified.add(c, account.name, now)
	return account.name, known
}
