package policy

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/tg123/go-htpasswd"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// hash is a hashed password.
type hash interface {
	// matches hashes a password in the same way and compares in constant time.
	matches(password string) bool
}

var errHash = errors.New("the password must be hashed by bcrypt, argon2, apr1 or SHA; plain text and crypt(3) are refused")

// parseHash reads a hash of a file of users. Its errors do not show it.
func parseHash(s string) (hash, error) {
	switch {
	case strings.HasPrefix(s, "$2"):
		return parseBcrypt(s)
	case strings.HasPrefix(s, "$argon2"):
		return parseArgon2(s)
	case strings.HasPrefix(s, htpasswd.PrefixCryptApr1):
		salt, sum, _ := strings.Cut(s[len(htpasswd.PrefixCryptApr1):], "$")
		if len(salt) > 8 || len(sum) != 22 || !inCryptAlphabet(sum) {
			return nil, errors.New("malformed apr1 hash")
		}
		return parseLegacy(htpasswd.AcceptMd5, s)
	case strings.HasPrefix(s, "{SHA}"):
		return parseLegacy(htpasswd.AcceptSha, s)
	}
	return nil, errHash
}

// legacyHash is one of the kinds that cost next to nothing to try.
type legacyHash struct{ htpasswd.EncodedPasswd }

func parseLegacy(accept htpasswd.PasswdParser, s string) (hash, error) {
	p, err := accept(s)
	if err != nil || p == nil {
		return nil, errors.New("malformed hash") // err would show it
	}
	return legacyHash{p}, nil
}

func (h legacyHash) matches(password string) bool { return h.MatchesPassword(password) }

// maxBcryptCost is what htpasswd makes at most: some ten seconds.
const maxBcryptCost = 17

// bcryptHash is "$2y$COST$" with 22 characters of salt and 31 of hash. As everywhere, only the first 72 bytes of a password
// count.
type bcryptHash []byte

func parseBcrypt(s string) (hash, error) {
	cost, err := bcrypt.Cost([]byte(s))
	switch {
	case err != nil || len(s) != 60 || s[:4] != "$2a$" && s[:4] != "$2b$" && s[:4] != "$2y$" || s[6] != '$' || !inCryptAlphabet(s[7:]):
		return nil, errors.New("malformed bcrypt hash") // err would show a part of it
	case cost > maxBcryptCost:
		return nil, fmt.Errorf("bcrypt of cost %d: at most %d is taken", cost, maxBcryptCost)
	}
	return bcryptHash(s), nil
}

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword(h, []byte(password)) == nil
}

func inCryptAlphabet(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < '.' || c > '9' && c < 'A' || c > 'Z' && c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

// What an argon2 hash may ask for.
const (
	maxArgonMemory  = 256 << 10 // KiB
	maxArgonPasses  = 32
	maxArgonThreads = 16
	maxArgonWork    = 1 << 20 // KiB times passes: about a second
)

// argonHash is a hash in PHC form: "$argon2id$v=19$m=MEMORY,t=PASSES,p=THREADS$SALT$SUM", memory in KiB, salt and sum in base64
// without padding.
type argonHash struct {
	derive         func(password, salt []byte, time, memory uint32, threads uint8, keyLen uint32) []byte
	memory, passes uint32
	threads        uint8
	salt, sum      []byte
}

func parseArgon2(s string) (hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[2] != "v=19" {
		return nil, errors.New("malformed argon2 hash: it is $argon2id$v=19$m=KIB,t=PASSES,p=THREADS$SALT$SUM")
	}
	h := new(argonHash)
	switch parts[1] {
	case "argon2id":
		h.derive = argon2.IDKey
	case "argon2i":
		h.derive = argon2.Key
	default:
		return nil, fmt.Errorf("%s: argon2id and argon2i are taken", parts[1])
	}
	var n [3]uint64
	costs := strings.Split(parts[3], ",")
	for i, cost := range []struct {
		name     string
		min, max uint64
	}{{"m=", 8, maxArgonMemory}, {"t=", 1, maxArgonPasses}, {"p=", 1, maxArgonThreads}} {
		if len(costs) != 3 || !strings.HasPrefix(costs[i], cost.name) {
			return nil, errors.New("malformed argon2 hash: its costs are m=KIB,t=PASSES,p=THREADS")
		}
		var err error
		if n[i], err = strconv.ParseUint(costs[i][2:], 10, 32); err != nil || n[i] < cost.min || n[i] > cost.max {
			return nil, fmt.Errorf("argon2 with %s: from %d to %d is taken", costs[i], cost.min, cost.max)
		}
	}
	if n[0] < 8*n[2] || n[0]*n[1] > maxArgonWork {
		return nil, fmt.Errorf("argon2 with %s: m must be 8 times p at least, and m times t %d at most", parts[3], maxArgonWork)
	}
	h.memory, h.passes, h.threads = uint32(n[0]), uint32(n[1]), uint8(n[2])
	var saltErr, sumErr error
	h.salt, saltErr = base64.RawStdEncoding.Strict().DecodeString(parts[4])
	h.sum, sumErr = base64.RawStdEncoding.Strict().DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(h.salt) < 8 || len(h.salt) > 64 || len(h.sum) < 16 || len(h.sum) > 64 {
		return nil, errors.New("malformed argon2 hash: a salt of 8 to 64 and a sum of 16 to 64 bytes in base64 are taken")
	}
	return h, nil
}

func (h *argonHash) matches(password string) bool {
	sum := h.derive([]byte(password), h.salt, h.passes, h.memory, h.threads, uint32(len(h.sum)))
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
