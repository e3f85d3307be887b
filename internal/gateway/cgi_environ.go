package gateway

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"highball"
)

// inherited are the variables of the server that scripts get; and those that begin with LC_.
var inherited = []string{"PATH", "LANG", "TZ", "TMPDIR", "SYSTEMROOT"}

// ofTheRequest are beginnings of variables that describe the request, so that no configuration may set them.
var ofTheRequest = []string{
	"HTTP_", "REQUEST_", "SCRIPT_", "SERVER_", "CONTENT_", "PATH_INFO", "PATH_TRANSLATED", "QUERY_STRING", "GATEWAY_INTERFACE",
	"REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REMOTE_USER", "AUTH_TYPE",
}

// usualPath is the PATH of scripts where the server has none.
const usualPath = "PATH=/usr/local/bin:/usr/bin:/bin"

// scriptEnv returns the variables that every script gets: a few of the server's, and those of the configuration.
func scriptEnv(environ, own []string) (env []string, err error) {
	known := make(map[string]int) // their places in env
	set := func(name, whole string) {
		if i, ok := known[name]; ok {
			env[i] = whole
			return
		}
		known[name] = len(env)
		env = append(env, whole)
	}
	set("PATH", usualPath)
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		take := strings.HasPrefix(name, "LC_")
		for _, n := range inherited {
			take = take || n == name
		}
		if take {
			set(name, e)
		}
	}
	for _, e := range own {
		name, _, ok := strings.Cut(e, "=")
		if !ok || name == "" || strings.IndexByte(e, 0) >= 0 {
			return nil, fmt.Errorf("%q is no variable for CGI scripts: it should be NAME=VALUE", e)
		}
		for _, start := range ofTheRequest {
			if strings.HasPrefix(name, start) {
				return nil, fmt.Errorf("the variable %s of CGI scripts comes from the request and cannot be set", name)
			}
		}
		set(name, e)
	}
	return env, nil
}

// environFor returns the whole environment of a script: the meta-variables of RFC 3875, section 4.1, and some that other servers
// have made usual. Who has shown the server a password is REMOTE_USER; the password itself is not for the script then
// (section 4.1.18).
func (c *CGI) environFor(s *script, e *environ) []string {
	remote, remotePort := string(e.appendRemoteAddr(nil)), string(appendRemotePort(nil, e.remote))
	server, serverPort := string(e.appendServerName(nil)), string(e.appendServerPort(nil))
	env := make([]string, len(c.env), len(c.env)+len(e.fields)+24)
	copy(env, c.env)
	env = append(env,
		"GATEWAY_INTERFACE=CGI/1.1",
		"SERVER_SOFTWARE=highball",
		"SERVER_NAME="+server,
		"SERVER_PORT="+serverPort,
		"SERVER_PROTOCOL="+e.protocol,
		"REQUEST_METHOD="+e.method,
		"REQUEST_URI="+e.target,
		"REQUEST_SCHEME="+e.scheme,
		"SCRIPT_NAME="+s.name,
		"SCRIPT_FILENAME="+s.file,
		"QUERY_STRING="+e.query,
		"REMOTE_ADDR="+remote,
		"REMOTE_HOST="+remote, // in place of a name that would have to be asked for (section 4.1.9)
		"REMOTE_PORT="+remotePort,
	)
	if c.root == c.cfg.Dir {
		env = append(env, "DOCUMENT_ROOT="+c.root)
	}
	if e.scheme == "https" && !c.https {
		env = append(env, "HTTPS=on")
	}
	if s.info != "" {
		env = append(env, "PATH_INFO="+s.info, "PATH_TRANSLATED="+c.root+s.info)
	}
	if e.user != "" {
		env = append(env, "AUTH_TYPE="+authType, "REMOTE_USER="+e.user)
	}
	if e.hasType {
		env = append(env, "CONTENT_TYPE="+e.contentType)
	}
	if e.contentLength >= 0 {
		env = append(env, "CONTENT_LENGTH="+strconv.FormatInt(e.contentLength, 10))
	}
	var scratch [64]byte
	for i := range e.fields {
		f := &e.fields[i]
		if e.user != "" && strings.EqualFold(f.Name, "Authorization") {
			continue
		}
		b := append(appendVariable(scratch[:0], f.Name), '=')
		env = append(env, string(append(b, f.Value...)))
	}
	return env
}

// errOptions is why a request is refused whose query would give a script options.
var errOptions = &highball.Error{Status: 400, Err: errors.New("a word of the query begins with a hyphen, which the script would take for an option")}

// queryWords returns the words of an indexed query (RFC 3875, section 4.4), one without "=", which are the arguments of the
// script. The error is a *highball.Error.
func queryWords(method, query string) ([]string, error) {
	if query == "" || method != "GET" && method != "HEAD" || strings.IndexByte(query, '=') >= 0 {
		return nil, nil
	}
	words := strings.Split(query, "+")
	for i, word := range words {
		plain, err := url.PathUnescape(word)
		if err != nil || strings.IndexByte(plain, 0) >= 0 {
			return nil, &highball.Error{Status: 400, Err: fmt.Errorf("the query has a malformed word %.100q", word)}
		}
		if err := checkArgument(plain); err != nil {
			return nil, err
		}
		words[i] = plain
	}
	return words, nil
}

// checkArgument refuses what a script might take for an option (CVE-2012-1823).
func checkArgument(word string) error {
	if strings.HasPrefix(strings.TrimSpace(word), "-") {
		return errOptions
	}
	return nil
}

// formValue returns the first value of a form, "" if there is none. A malformed one is as it was sent.
func formValue(form string) string {
	first, _, _ := strings.Cut(form, "&")
	_, value, _ := strings.Cut(first, "=")
	plain, err := url.QueryUnescape(value)
	if err != nil {
		return value
	}
	return plain
}

// isForm reports whether a body of the given type is a form in the way of queries.
func isForm(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded")
}
