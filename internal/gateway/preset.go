package gateway

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"sync"

	"highball"
)

// Clients send the same header with most of their requests: browsers for each of a page's, programs for all. What an environ has of such a header, and of the
// connection, is sent to a worker once, as a preset; the requests then name it, and say only what they have of their own. It spares the interpreter to
// decode a dozen or two of texts, which is much of what a short request costs there.
//
// A preset is made when the same has come a second time. There are only so many, each in a place that its hash gives it; what is in use keeps its place.
const (
	presetPlaces  = 256
	presetLongest = 4 << 10 // bytes of a header
	onceSeen      = 1024    // keys that have come once, which are remembered by their hashes
)

// preset is what many requests have in common. It does not change any more.
type preset struct {
	key      []byte
	hash     uint64
	place    uint16
	frame    []byte // makes it known to a worker
	noLength bool   // requests without a body have no CONTENT_LENGTH, rather than 0
}

// presets are those of a pool. Its methods may be called from any goroutine.
type presets struct {
	seed maphash.Seed

	mu   sync.Mutex // guards the following fields
	all  [presetPlaces]*preset
	used [presetPlaces]bool // since another key wanted the place
	once [onceSeen]uint64
}

// find returns the preset for a key, or nil. worth tells then that one is to be put.
func (ps *presets) find(key []byte) (p *preset, hash uint64, worth bool) {
	hash = maphash.Bytes(ps.seed, key)
	place := hash % presetPlaces
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p = ps.all[place]
	if p != nil && p.hash == hash && bytes.Equal(p.key, key) {
		ps.used[place] = true
		return p, hash, false
	}
	seen := &ps.once[hash/presetPlaces%onceSeen]
	switch {
	case *seen != hash:
		*seen = hash
		return nil, hash, false
	case ps.used[place]:
		ps.used[place] = false
		return nil, hash, false
	}
	return nil, hash, true
}

// put has p found from now on.
func (ps *presets) put(p *preset) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.all[p.place] = p
}

// presetOf returns the preset for r, or nil if there is none. key is memory for its key.
func (ps *presets) presetOf(key []byte, c codec, r *highball.Request, mount string) (*preset, []byte) {
	lines, ok := r.FieldLines()
	target := r.Target()
	if c != marshalCodec || !ok || len(lines) > presetLongest || target == "" || target[0] != '/' {
		return nil, key
	}
	key = appendPresetKey(key[:0], r, mount, lines)
	p, hash, worth := ps.find(key)
	if worth {
		p = newPreset(bytes.Clone(key), hash, c, r, mount)
		ps.put(p)
	}
	return p, key
}

// appendPresetKey appends all that the preset of r is made from.
func appendPresetKey(key []byte, r *highball.Request, mount, lines string) []byte {
	script, _ := splitPath(r.Path(), mount)
	for _, text := range [...]string{script, r.Method(), r.Scheme(), r.User()} {
		key = binary.LittleEndian.AppendUint32(key, uint32(len(text)))
		key = append(key, text...)
	}
	key = append(key, byte(r.ProtoMinor()))
	key = appendAddr(key, r.RemoteAddr().Addr())
	local := r.LocalAddr()
	key = appendAddr(key, local.Addr())
	key = binary.LittleEndian.AppendUint16(key, local.Port())
	return append(key, lines...)
}

// appendAddr appends an address, behind the number of its bytes, with its zone, behind that of its own.
func appendAddr(key []byte, a netip.Addr) []byte {
	zone := a.Zone()
	key = append(key, byte(a.BitLen()/8))
	switch {
	case a.Is4():
		b := a.As4()
		return append(key, b[:]...)
	case a.Is6():
		b := a.As16()
		key = append(key, b[:]...)
	}
	key = binary.LittleEndian.AppendUint32(key, uint32(len(zone)))
	return append(key, zone...)
}

// newPreset makes the preset of r.
func newPreset(key []byte, hash uint64, c codec, r *highball.Request, mount string) *preset {
	p := &preset{key: key, hash: hash, place: uint16(hash % presetPlaces), noLength: noLength(r)}
	b := appendHeader(nil, presetFrame, 0, uint32(p.place), 0, 0)
	b = appendEnviron(b, c, r, nil, mount, -1)
	setSizes(b, len(b)-frameHeader)
	p.frame = b
	return p
}

// appendOwn appends what a request, with a body of n bytes, does not have of its preset: a tuple of the preset's place and 6 values.
func (p *preset) appendOwn(dst []byte, c codec, r *highball.Request, id []byte, mount string, n int64) []byte {
	var scratch [64]byte
	_, path := splitPath(r.Path(), mount)
	if n == 0 && p.noLength {
		n = -1
	}
	dst = c.appendTuple(dst, 7)
	dst = appendInt(dst, int32(p.place))
	dst = appendText(dst, c, path)
	dst = appendText(dst, c, r.Query())
	dst = appendText(dst, c, r.Target())
	dst = appendText(dst, c, appendRemotePort(scratch[:0], r.RemoteAddr()))
	dst = appendText(dst, c, id)
	return appendLength(dst, c, n)
}
