package gateway

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"highball"
)

// environ is what a request is to an application: the variables of RFC 3875, section 4.1, as PEP 3333 takes them over. It
// is the one place where a request is mapped to them; what is written for an application is written from it.
type environ struct {
	method     string // REQUEST_METHOD
	script     string // SCRIPT_NAME
	path       string // PATH_INFO: empty, or with a leading slash
	query      string // QUERY_STRING
	target     string // RAW_URI
	protocol   string // SERVER_PROTOCOL
	scheme     string // wsgi.url_scheme
	id         string // HTTP_X_REQUEST_ID, where whoever maps the request has asked for it
	user       string // REMOTE_USER; empty where no access rule has asked for one
	serverName string // SERVER_NAME; empty where the client has named no host: see appendServerName
	remote     netip.AddrPort
	local      netip.AddrPort

	contentType   string // CONTENT_TYPE
	hasType       bool
	contentLength int64 // CONTENT_LENGTH, or -1

	// fields are those of the header that become HTTP_ variables, each name once: see appendVariable.
	fields []highball.Field
}

// requestIDField names a request, see highball.Request.ID. A client's own is not passed on, unless a trusted proxy has sent it.
const requestIDField = "X-Request-ID"

// authType is AUTH_TYPE: the one scheme by which the server finds out who a user is (RFC 7617).
const authType = "Basic"

// usualFields is the number of fields up to which a request is mapped without an allocation.
const usualFields = 24

// environOf maps r. The application is mounted at mount, "" or such as "/shop". contentLength is the length of the body
// that the application is given, or -1 for none: it need not be what the client has declared. The fields are appended to
// storage, so that the caller decides where they are.
//
// Dropped are names with an underscore, which could not be told from those with a hyphen; Proxy, which programs
// would take for their configuration (CVE-2016-5385); Content-Length and Transfer-Encoding, since the body that
// the application gets has been freed of its framing and has the length contentLength. The values of a repeated field are
// joined by commas (RFC 9110, section 5.2), those of Cookie by semicolons (RFC 6265, section 5.4).
func environOf(r *highball.Request, mount string, contentLength int64, storage []highball.Field) environ {
	e := environ{
		method: r.Method(), query: r.Query(), target: r.Target(), protocol: r.Proto(), scheme: r.Scheme(), user: r.User(),
		serverName: r.Hostname(), remote: r.RemoteAddr(), local: r.LocalAddr(), contentLength: contentLength,
	}
	e.script, e.path = splitPath(r.Path(), mount)
	seen := uint64(0) // a bit for each mark of a name in storage
	for name, value := range r.Header().All() {
		switch len(name) {
		case len("Proxy"):
			if strings.EqualFold(name, "Proxy") {
				continue
			}
		case len("Content-Type"): // and of X-Request-ID
			if strings.EqualFold(name, requestIDField) {
				continue // what counts is the server's word
			}
			if strings.EqualFold(name, "Content-Type") {
				if e.hasType {
					value = e.contentType + "," + value
				}
				e.contentType, e.hasType = value, true
				continue
			}
		case len("Content-Length"):
			if strings.EqualFold(name, "Content-Length") {
				continue
			}
		case len("Transfer-Encoding"):
			if strings.EqualFold(name, "Transfer-Encoding") {
				continue
			}
		}
		if strings.IndexByte(name, '_') >= 0 {
			continue
		}
		mark := nameMark(name)
		if seen&mark != 0 && join(storage, name, value) {
			continue
		}
		seen |= mark
		storage = append(storage, highball.Field{Name: name, Value: value})
	}
	e.fields = storage
	return e
}

// nameMark returns one bit, which is the same for all spellings of a name and often another one for another name.
func nameMark(name string) uint64 {
	n := uint(len(name))
	if n == 0 {
		return 1
	}
	return 1 << ((n + uint(name[0]|0x20)*3 + uint(name[n-1]|0x20)*7 + uint(name[n/2]|0x20)*5) % 64)
}

// join adds value to the field of the same name, and reports whether there is one.
func join(fields []highball.Field, name, value string) bool {
	for i := range fields {
		f := &fields[i]
		if len(f.Name) != len(name) || !strings.EqualFold(f.Name, name) {
			continue
		}
		separator := ","
		if strings.EqualFold(name, "Cookie") {
			separator = "; "
		}
		f.Value += separator + value
		return true
	}
	return false
}

// splitPath divides a canonical path in SCRIPT_NAME and PATH_INFO. A path outside the mount is not divided. The asterisk of
// OPTIONS is no path, and PEP 3333 has PATH_INFO empty or beginning with a slash.
func splitPath(path, mount string) (script, info string) {
	rest, inside := strings.CutPrefix(path, mount)
	switch {
	case inside && (rest == "" || rest[0] == '/'):
		return mount, rest
	case path == "*":
		return mount, ""
	}
	return "", path
}

// appendServerName appends SERVER_NAME, which must not be empty: the host that the client has named, else the address
// that it has connected to.
func (e *environ) appendServerName(dst []byte) []byte {
	addr := e.local.Addr().Unmap().WithZone("")
	switch {
	case e.serverName != "":
		return append(dst, e.serverName...)
	case !addr.IsValid():
		return append(dst, "localhost"...)
	case addr.Is4():
		return addr.AppendTo(dst)
	}
	dst = append(dst, '[')
	dst = addr.AppendTo(dst)
	return append(dst, ']')
}

// appendServerPort appends SERVER_PORT, which must not be empty: on a unix socket it is that of the scheme.
func (e *environ) appendServerPort(dst []byte) []byte {
	switch {
	case e.local.IsValid():
		return strconv.AppendUint(dst, uint64(e.local.Port()), 10)
	case e.scheme == "https":
		return append(dst, "443"...)
	}
	return append(dst, "80"...)
}

// appendRemoteAddr appends REMOTE_ADDR, which is empty on a unix socket.
func (e *environ) appendRemoteAddr(dst []byte) []byte {
	if !e.remote.IsValid() {
		return dst
	}
	return e.remote.Addr().Unmap().AppendTo(dst)
}

// appendRemotePort appends REMOTE_PORT, which is empty on a unix socket.
func appendRemotePort(dst []byte, remote netip.AddrPort) []byte {
	if !remote.IsValid() {
		return dst
	}
	return strconv.AppendUint(dst, uint64(remote.Port()), 10)
}

// variablePrefix starts the names of the variables that are header fields.
const variablePrefix = "HTTP_"

// appendVariable appends the variable's name for a header field, such as HTTP_USER_AGENT for User-Agent.
func appendVariable(dst []byte, field string) []byte {
	dst = append(dst, variablePrefix...)
	start := len(dst)
	dst = slices.Grow(dst, len(field))[:start+len(field)]
	name := dst[start:]
	for i := range len(name) {
		c := field[i]
		if c-'a' < 26 {
			c -= 'a' - 'A'
		} else if c == '-' {
			c = '_'
		}
		name[i] = c
	}
	return dst
}

// appendEnviron appends what a worker makes the environ of r from: a tuple of 15 values, of which the last but one is the request's id, for
// which the worker has the name at hand, and the last a dict of the other HTTP_ variables and of those that tell of a user. For mount and
// contentLength see environOf.
func appendEnviron(dst []byte, c codec, r *highball.Request, id []byte, mount string, contentLength int64) []byte {
	var storage [usualFields]highball.Field
	e := environOf(r, mount, contentLength, storage[:0])

	var scratch [64]byte // longer than any address
	dst = c.appendTuple(dst, 15)
	dst = appendText(dst, c, e.method)
	dst = appendText(dst, c, e.script)
	dst = appendText(dst, c, e.path)
	dst = appendText(dst, c, e.query)
	dst = appendText(dst, c, e.target)
	dst = appendText(dst, c, e.protocol)
	dst = appendText(dst, c, e.scheme)
	dst = appendText(dst, c, e.appendRemoteAddr(scratch[:0]))
	dst = appendText(dst, c, appendRemotePort(scratch[:0], e.remote))
	dst = appendText(dst, c, e.appendServerName(scratch[:0]))
	dst = appendText(dst, c, e.appendServerPort(scratch[:0]))
	if e.hasType {
		dst = appendText(dst, c, e.contentType)
	} else {
		dst = c.appendNone(dst)
	}
	dst = appendLength(dst, c, e.contentLength)
	dst = appendText(dst, c, id)
	dst = c.appendDict(dst)
	for i := range e.fields {
		f := &e.fields[i]
		dst = c.appendASCIIStart(dst, len(variablePrefix)+len(f.Name))
		dst = appendVariable(dst, f.Name)
		dst = appendText(dst, c, f.Value)
	}
	if e.user != "" {
		dst = appendText(dst, c, "AUTH_TYPE")
		dst = appendText(dst, c, authType)
		dst = appendText(dst, c, "REMOTE_USER")
		dst = appendText(dst, c, e.user)
	}
	return c.appendDictEnd(dst)
}

// appendLength appends CONTENT_LENGTH, None for -1.
func appendLength(dst []byte, c codec, n int64) []byte {
	if n < 0 {
		return c.appendNone(dst)
	}
	var scratch [20]byte
	return appendText(dst, c, strconv.AppendInt(scratch[:0], n, 10))
}
