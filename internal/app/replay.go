package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"highball/internal/admin"
	"highball/internal/observe"
)

const (
	replayDeadline = time.Minute // for the whole of an answer
	replayShown    = 96 << 10    // bytes of it that are looked at: its head, and more than the first KiB of its body
)

// replayFor sends a request once more that the flight recorder has, as any client could: to one of the server's own addresses.
func (a *App) replayFor(ctx context.Context, id string, order admin.ReplayOrder) (admin.Replayed, error) {
	r, err := a.recorder()
	if err != nil {
		return admin.Replayed{}, err
	}
	o, ok := r.Original(id)
	if !ok {
		return admin.Replayed{}, notRecorded(id)
	}
	request, err := again(&o, order)
	if err != nil {
		return admin.Replayed{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, replayDeadline, fmt.Errorf("there was no whole answer within %v", replayDeadline))
	defer cancel()
	begun := time.Now()
	answer, err := exchangeOver(ctx, a.addressFor(&o), request)
	head, body := observe.SplitResponse(answer)
	status := finalStatus(head)
	if status == 0 {
		return admin.Replayed{}, &admin.Refused{Status: 502, Lines: []string{fmt.Sprintf("the server has not answered the replayed request: %v", err)}}
	}
	masks := masksOf(a.front.current.Load().config.Log)
	return admin.Replayed{
		ID: fieldOf(head, "X-Request-ID"), Status: status, Before: o.Status, Duration: time.Since(begun).Seconds(),
		Head: masks.ShownHead(head), Body: masks.AppendForm(nil, body),
	}, nil
}

// again returns the request that is sent: the recorded one, for a connection of its own and without the id that it had. An error says why it cannot be
// sent, or should not.
func again(o *observe.Original, order admin.ReplayOrder) ([]byte, error) {
	line, fields, _ := bytes.Cut(bytes.TrimLeft(o.Head, "\r\n"), []byte("\n"))
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(line, []byte("\r")))
	b.WriteString("\r\n")
	length := int64(-1) // of the body, as far as the head says it
	for field := range bytes.Lines(fields) {
		name, value, found := bytes.Cut(bytes.TrimRight(field, "\r\n"), []byte(":"))
		switch strings.ToLower(string(name)) {
		case "content-length":
			length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		case "transfer-encoding":
			length = max(length, 1) // a body whose length is not known has something in it
		case "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade", "expect", "x-request-id":
		default:
			if found {
				fmt.Fprintf(&b, "%s:%s\r\n", name, value)
			}
		}
	}
	chunked := length > 0 && hasField(fields, "transfer-encoding")
	var why string
	switch {
	case o.Method == "":
		why = "the server could not read it the first time"
	case o.HeadCut:
		why = "its head was not recorded whole"
	case o.Method == "CONNECT" || o.Status == 101:
		why = "it was for a connection of another protocol"
	case o.BodyCut || chunked && len(o.Body) == 0 || !chunked && length > int64(len(o.Body)):
		why = "its body was not recorded whole, of which the first KiB is kept"
	case !isSafe(o.Method) && !order.Force:
		return nil, &admin.Refused{Status: 409, Lines: []string{fmt.Sprintf("%s is not a safe method: sent again, the request may do once more what it did; force it if that is meant", o.Method)}}
	}
	if why != "" {
		return nil, &admin.Refused{Status: 422, Lines: []string{"the request cannot be sent again: " + why}}
	}
	if length >= 0 {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(o.Body))
	}
	b.WriteString("Connection: close\r\n\r\n")
	b.Write(o.Body)
	return b.Bytes(), nil
}

// isSafe reports whether a method asks for nothing but an answer (RFC 9110, section 9.2.1).
func isSafe(method string) bool {
	return slices.Contains([]string{"GET", "HEAD", "OPTIONS", "TRACE"}, method)
}

// addressFor returns where the server can be reached for a request: an address at which its site answers, of the kind by which it came, if there is one.
func (a *App) addressFor(o *observe.Original) net.Addr {
	site := ""
	if o.Route != nil {
		site = o.Route.Site
	}
	var wanted []string // listeners of the site; none for all
	for i := range a.front.current.Load().config.Sites {
		if s := &a.front.current.Load().config.Sites[i]; siteName(s) == site {
			wanted = append(wanted, s.Listen...)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var best net.Addr
	most := -1
	for i := range a.told {
		l, score := &a.told[i], 0
		if len(wanted) == 0 || slices.Contains(wanted, l.String()) {
			score += 2
		}
		if (l.bound.Network() == "unix") != o.Remote.IsValid() {
			score++
		}
		if score > most {
			best, most = l.bound, score
		}
	}
	return best
}

// exchangeOver sends a request to an address, and returns the beginning of what comes back until the connection is closed. What has come before an error is
// returned, too.
func exchangeOver(ctx context.Context, to net.Addr, request []byte) (answer []byte, err error) {
	if to == nil {
		return nil, errors.New("it listens nowhere")
	}
	c, err := new(net.Dialer).DialContext(ctx, to.Network(), reachable(to))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })()
	if _, err = c.Write(request); err == nil {
		if answer, err = io.ReadAll(io.LimitReader(c, replayShown)); err == nil {
			_, err = io.Copy(io.Discard, c)
		}
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if err == nil && len(answer) == 0 {
		err = io.ErrUnexpectedEOF
	}
	return answer, err
}

// reachable returns the text by which this machine connects to an address that it listens at.
func reachable(at net.Addr) string {
	tcp, ok := at.(*net.TCPAddr)
	if !ok {
		return at.String()
	}
	ip := tcp.IP
	if ip.IsUnspecified() {
		ip = net.IPv6loopback
		if tcp.IP.To4() != nil {
			ip = net.IPv4(127, 0, 0, 1)
		}
	}
	return (&net.TCPAddr{IP: ip, Port: tcp.Port, Zone: tcp.Zone}).String()
}

// finalStatus returns the status of the last of several heads, interim ones before it, or 0 for none.
func finalStatus(heads []byte) int {
	heads, whole := bytes.CutSuffix(heads, []byte("\r\n\r\n"))
	last := heads[bytes.LastIndex(heads, []byte("\r\n\r\n"))+1:]
	_, rest, _ := strings.Cut(strings.TrimLeft(string(last), "\r\n"), " ")
	status, err := strconv.Atoi(rest[:min(len(rest), 3)])
	if !whole || err != nil {
		return 0
	}
	return status
}

// fieldOf returns the value of a field that is in a head, or "".
func fieldOf(head []byte, name string) string {
	for line := range bytes.Lines(head) {
		if n, v, found := bytes.Cut(line, []byte(":")); found && strings.EqualFold(string(n), name) {
			return strings.TrimSpace(string(v))
		}
	}
	return ""
}

// hasField reports whether there is a field of that name.
func hasField(head []byte, name string) bool { return fieldOf(head, name) != "" }
