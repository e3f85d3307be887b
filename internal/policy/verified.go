package policy

import (
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	verifiedFor = 5 * time.Minute
	maxVerified = 4096
)

// secret is a key of this process for digests that nobody else can make.
type secret [sha256.BlockSize]byte

func newSecret() *secret {
	s := new(secret)
	rand.Read(s[:]) // never fails
	return s
}

// digest is an HMAC-SHA-256 of at most maxCredentials bytes (RFC 2104), made without allocating.
func (s *secret) digest(text []byte) [sha256.Size]byte {
	var inner [sha256.BlockSize + maxCredentials]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i := range s {
		inner[i], outer[i] = s[i]^0x36, s[i]^0x5c
	}
	sum := sha256.Sum256(inner[:sha256.BlockSize+copy(inner[sha256.BlockSize:], text)])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}

// verified remembers for some minutes which credentials were right, so that a password is hashed once and not with every
// request. It does not know them: only their digests.
type verified struct {
	secret *secret
	base   time.Time

	mu   sync.RWMutex // guards the following field
	seen map[[sha256.Size]byte]sighting
}

type sighting struct {
	name string        // the user's
	at   time.Duration // since base
}

func newVerified(s *secret, now time.Time) *verified {
	return &verified{secret: s, base: now, seen: make(map[[sha256.Size]byte]sighting)}
}

// lookup returns the user's name of credentials that are known to be right.
func (v *verified) lookup(c *credentials, now time.Time) (name string, ok bool) {
	key := v.secret.digest(c.all())
	v.mu.RLock()
	s, ok := v.seen[key]
	v.mu.RUnlock()
	return s.name, ok && now.Sub(v.base)-s.at < verifiedFor
}

// add remembers credentials.
func (v *verified) add(c *credentials, name string, now time.Time) {
	key, at := v.secret.digest(c.all()), now.Sub(v.base)
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.seen) >= maxVerified {
		v.makeRoomLocked(at)
	}
	v.seen[key] = sighting{name, at}
}

// makeRoomLocked forgets what is too old, or else the oldest.
func (v *verified) makeRoomLocked(now time.Duration) {
	var oldest [sha256.Size]byte
	first := now + 1
	for key, s := range v.seen {
		if s.at < first {
			oldest, first = key, s.at
		}
		if now-s.at >= verifiedFor {
			delete(v.seen, key)
		}
	}
	delete(v.seen, oldest)
}
