package policy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// maxUsers is the size in bytes of the largest file of users.
const maxUsers = 16 << 20

// users are those of one file.
type users struct {
	file    *watched[table]
	hashing *turns
}

// openUsers reads a file of users for the first time.
func openUsers(path string, now time.Time, log *slog.Logger, hashing *turns) (*users, error) {
	secret := newSecret()
	file, err := watch(path, maxUsers, now, log, func(text []byte) (*table, error) {
		return parseUsers(path, string(text), secret, now)
	})
	if err != nil {
		return nil, err
	}
	return &users{file, hashing}, nil
}

// table is what a file of users says, and what has come of it since it was read.
type table struct {
	accounts []account // in the order of the file
	byName   map[string]account
	secret   *secret
	verified *verified
}

type account struct {
	name string
	hash hash
}

// standIn returns the account that an unknown name is compared with.
func (t *table) standIn(name string) account {
	d := t.secret.digest([]byte(name))
	return t.accounts[binary.LittleEndian.Uint64(d[:])%uint64(len(t.accounts))]
}

// parseUsers reads lines "NAME:HASH", as htpasswd writes them; what follows a second colon is a comment, as are lines that begin
// with "#". All that is wrong is told at once, with path and line, and without the hashes.
func parseUsers(path, text string, s *secret, now time.Time) (*table, error) {
	t := &table{byName: make(map[string]account), secret: s, verified: newVerified(s, now)}
	lines := make(map[string]int)
	var faults []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		a, err := parseAccount(line)
		if before := lines[a.name]; err == nil && before > 0 {
			err = fmt.Errorf("the user %q is in line %d already", a.name, before)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", path, number, err))
			continue
		}
		lines[a.name] = number
		t.accounts = append(t.accounts, a)
		t.byName[a.name] = a
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return t, nil
}

func parseAccount(line string) (account, error) {
	name, rest, ok := strings.Cut(line, ":")
	encoded, _, _ := strings.Cut(rest, ":")
	switch {
	case !ok:
		return account{}, errors.New("no colon: a line is NAME:HASH")
	case name == "":
		return account{}, errors.New("no user name before the colon")
	case hasControl(name):
		return account{}, fmt.Errorf("the user name %q has a control character", name)
	case len(name) >= maxCredentials:
		return account{}, fmt.Errorf("a user name of %d bytes", len(name))
	}
	hash, err := parseHash(encoded)
	if err != nil {
		return account{}, fmt.Errorf("the user %q: %w", name, err)
	}
	return account{name, hash}, nil
}
