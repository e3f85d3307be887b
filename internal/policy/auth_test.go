package policy

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"highball"
	"highball/internal/servertest"
)

// basic returns the field line that gives user and password.
func basic(credentials string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(credentials))
}

const someUsers = "ann:" + shaSecret + "\nbob:" + bcryptBar + "\nmüller:" + aprSecret + "\neve:" + argonWords + "\n"

func TestAuth(t *testing.T) {
	tests := []struct {
		name   string
		fields []string
		user   string // "" is not let in
	}{
		{"nobody", nil, ""},
		{"SHA", []string{basic("ann:secret")}, "ann"},
		{"bcrypt", []string{basic("bob:bar")}, "bob"},
		{"apr1, and a name that is not ASCII", []string{basic("müller:secret")}, "müller"},
		{"argon2", []string{basic("eve:password")}, "eve"},
		{"the scheme in any case", []string{strings.Replace(basic("ann:secret"), "Basic", "bASIC", 1)}, "ann"},
		{"more than one space", []string{strings.Replace(basic("ann:secret"), "Basic", "Basic  ", 1)}, "ann"},
		{"another password", []string{basic("ann:Secret")}, ""},
		{"a password with more to it", []string{basic("ann:secret:")}, ""},
		{"the password of another", []string{basic("ann:bar")}, ""},
		{"no password", []string{basic("ann:")}, ""},
		{"an unknown name", []string{basic("nobody:secret")}, ""},
		{"the name in another case", []string{basic("Ann:secret")}, ""},
		{"no name", []string{basic(":secret")}, ""},
		{"no colon", []string{basic("ann")}, ""},
		{"nothing", []string{"Authorization: Basic"}, ""},
		{"an empty field", []string{"Authorization:"}, ""},
		{"no base64", []string{"Authorization: Basic ann:secret"}, ""},
		{"base64 without padding", []string{strings.TrimRight(basic("ann:secret"), "=")}, ""},
		{"another scheme", []string{strings.Replace(basic("ann:secret"), "Basic", "Bearer", 1)}, ""},
		{"a scheme that begins alike", []string{strings.Replace(basic("ann:secret"), "Basic", "Basics", 1)}, ""},
		{"a control character in the name", []string{basic("an\x00n:secret")}, ""},
		{"a line end in the name", []string{basic("ann\r\nX: y:secret")}, ""},
		{"DEL in the password", []string{basic("ann:secret\x7f")}, ""},
		{"very long", []string{basic("ann:" + strings.Repeat("x", 5000))}, ""},
		{"as long as can be", []string{basic("ann:" + strings.Repeat("x", maxCredentials-4))}, ""},
		{"one more", []string{basic("ann:" + strings.Repeat("x", maxCredentials-3))}, ""},
	}
	path := file(t, someUsers)
	ways(t, func(t *testing.T, d servertest.Driver, made func(*inner) highball.Handler) {
		i := new(inner)
		s := servertest.New(t, d, &highball.Server{Handler: wrap(t, Config{Auth: &Auth{path, `the "shop"`}}, made(i))})
		for _, test := range tests {
			for _, turn := range []string{"at first", "again"} {
				got := ask(t, s, "GET /", test.fields...)
				want := servertest.Response{Status: 401}
				if test.user != "" {
					want = servertest.Response{Status: 200, Body: "/? " + test.user}
				}
				if got.Status != want.Status || test.user != "" && got.Body != want.Body {
					t.Errorf("%s, %s: got %d %q, want %d %q", test.name, turn, got.Status, got.Body, want.Status, want.Body)
				}
				const challenge = `Basic realm="the \"shop\"", charset="UTF-8"`
				if got.Status == 401 && got.Value("WWW-Authenticate") != challenge {
					t.Errorf("%s: the challenge %q", test.name, got.Value("WWW-Authenticate"))
				}
			}
		}
		// Four passwords were hashed for the twelve answers.
		if n := i.blocking.Load(); i.asked.Load() > 0 && n != 4 {
			t.Errorf("%d answers were blocking, want 4", n)
		}
	})
}

// What is no user and password is refused before anybody is looked up.
func TestCredentials(t *testing.T) {
	encoded := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	tests := []struct {
		name           string
		values         []string
		user, password string // "" is refused
	}{
		{"good", []string{encoded("ann:secret")}, "ann", "secret"},
		{"colons in the password", []string{encoded("ann:a:b:")}, "ann", "a:b:"},
		{"UTF-8", []string{encoded("ä:ß")}, "ä", "ß"},
		{"latin-1", []string{encoded("\xe4:\xdf")}, "\xe4", "\xdf"},
		{"as long as may be", []string{encoded("ann:" + strings.Repeat("x", maxCredentials-4))}, "ann", strings.Repeat("x", maxCredentials-4)},
		{"longer", []string{encoded("ann:" + strings.Repeat("x", maxCredentials-3))}, "", ""},
		{"much longer", []string{encoded("ann:" + strings.Repeat("x", 60000))}, "", ""},
		{"none", nil, "", ""},
		{"two fields", []string{encoded("ann:secret"), encoded("ann:secret")}, "", ""},
		{"no name", []string{encoded(":secret")}, "", ""},
		{"no colon", []string{encoded("ann")}, "", ""},
		{"a line end in the name", []string{encoded("a\nn:secret")}, "", ""},
		{"NUL in the password", []string{encoded("ann:se\x00cret")}, "", ""},
		{"DEL in the password", []string{encoded("ann:secret\x7f")}, "", ""},
		{"something behind", []string{encoded("ann:secret") + " x"}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var h highball.Header
			for _, v := range test.values {
				h.Add("Authorization", v)
			}
			var c credentials
			switch ok := c.read(&h); {
			case ok != (test.user != ""):
				t.Errorf("taken: %t", ok)
			case ok && (string(c.user()) != test.user || string(c.password()) != test.password):
				t.Errorf("got %q and %q", c.user(), c.password())
			}
		})
	}
}

// Whoever is let in stays so for some minutes without a password being hashed, and no longer than the file says so.
func TestUsersFileIsReadAgain(t *testing.T) {
	wantLoops(t)
	path := file(t, "ann:"+shaSecret+"\n")
	clock, log := newClock(), new(servertest.Log)
	i := new(inner)
	h := wrap(t, Config{Auth: &Auth{path, "r"}, Clock: clock.time, Logger: slog.New(slog.NewTextHandler(log, nil))}, inlineInner{i})
	users := h.(told).next.(*handler).auth.users
	before := users.file.value()
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h})
	expect := func(what, credentials string, status int, blocking int64) {
		t.Helper()
		before := i.blocking.Load()
		if got := ask(t, s, "GET /", basic(credentials)); got.Status != status {
			t.Errorf("%s: %d, want %d", what, got.Status, status)
		}
		if n := i.blocking.Load() - before; n != blocking {
			t.Errorf("%s: %d blocking answers, want %d", what, n, blocking)
		}
	}
	expect("at first", "ann:secret", 200, 1)
	expect("then from memory", "ann:secret", 200, 0)
	if err := os.Chtimes(path, time.Time{}, clock.time()); err != nil {
		t.Fatal(err)
	}
	clock.advance(lookEvery)
	expect("a file that was touched is looked at", "ann:secret", 200, 1)
	expect("and is as it was", "ann:secret", 200, 0)
	if users.file.value() != before {
		t.Error("what the file says was made anew for nothing")
	}
	write(t, path, "bob:"+shaSecret+"\nann:"+bcryptBar+"\n")
	expect("within a second", "ann:secret", 200, 0)
	clock.advance(lookEvery)
	expect("the password has changed", "ann:secret", 401, 0)
	expect("to another", "ann:bar", 200, 1)
	expect("and there is one more", "bob:secret", 200, 1)
	expect("from memory again", "ann:bar", 200, 0)

	write(t, path, "ann:plain\n")
	clock.advance(lookEvery)
	expect("a broken file changes nothing", "ann:bar", 200, 1)
	expect("and what was in memory stays there", "bob:secret", 200, 0)
	clock.advance(lookEvery)
	expect("however long", "ann:bar", 200, 1)
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), path+`:1: the user \"ann\": the password must be hashed`) {
		t.Errorf("the log has %d errors: %s", n, log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	clock.advance(lookEvery)
	expect("a file that is gone neither", "ann:bar", 200, 1)
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 {
		t.Errorf("the log has %d errors: %s", n, log)
	}
	write(t, path, "ann:"+aprSecret+"\n")
	clock.advance(lookEvery)
	expect("until there is a good one", "ann:bar", 401, 0)
	expect("which counts", "ann:secret", 200, 1)
	if !strings.Contains(log.String(), "can be used again") {
		t.Errorf("the log does not tell the end: %s", log)
	}
	clock.advance(verifiedFor)
	expect("after some minutes", "ann:secret", 200, 1)
	expect("a password is hashed once more", "ann:secret", 200, 0)
}

func TestAuthFaults(t *testing.T) {
	tests := []struct{ name, path, realm, want string }{
		{"no file", "/does/not/exist", "r", "no such file"},
		{"a folder", t.TempDir(), "r", "no regular file"},
		{"a wrong line", file(t, "ann:plain"), "r", "file:1: the user"},
		{"a realm that cannot be sent", file(t, someUsers), "a\r\nb", "realm"},
	}
	for _, test := range tests {
		_, err := New(Config{Auth: &Auth{test.path, test.realm}}, new(inner))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

// slowHash takes until it is told to go on.
type slowHash struct {
	calls, at, most atomic.Int64 // most of at, which is how many are at it
	entered         chan struct{}
	goOn            chan struct{}
}

func (h *slowHash) matches(string) bool {
	h.calls.Add(1)
	for n := h.at.Add(1); ; {
		if most := h.most.Load(); n <= most || h.most.CompareAndSwap(most, n) {
			break
		}
	}
	h.entered <- struct{}{}
	<-h.goOn
	h.at.Add(-1)
	return true
}

// slowAuth is a handler whose passwords take as long as the test wants.
func slowAuth(t testing.TB, i *inner) (*handler, *slowHash) {
	t.Helper()
	made, err := New(Config{Auth: &Auth{file(t, "ann:"+shaSecret), "r"}}, i)
	if err != nil {
		t.Fatal(err)
	}
	h := made.(*handler)
	slow := &slowHash{entered: make(chan struct{}, 1000), goOn: make(chan struct{})}
	h.auth.users.hashing.patience = time.Hour
	table := h.auth.users.file.value()
	table.accounts[0].hash = slow
	table.byName["ann"] = account{"ann", slow}
	return h, slow
}

// A flood of passwords finds few hashed at once, many waiting, and the others sent away at once; who is known is served meanwhile.
func TestFloodOfPasswords(t *testing.T) {
	servertest.Each(t, func(t *testing.T, d servertest.Driver) {
		h, slow := slowAuth(t, new(inner))
		h.auth.users.file.value().verified.add(credentialsOf(t, "ann", "secret"), "ann", time.Now())
		s := servertest.New(t, d, &highball.Server{Handler: h})
		room := cap(h.auth.users.hashing.free)
		if room < 1 || room > runtime.GOMAXPROCS(0) {
			t.Fatalf("%d may be hashed at once", room)
		}
		var clients []*servertest.Client
		send := func(n int) {
			for range n {
				c := s.Dial(t)
				c.Send("GET / HTTP/1.1\r\nHost: test\r\n" + basic("ann:password"+strings.Repeat("x", len(clients))) + "\r\n\r\n")
				clients = append(clients, c)
			}
		}
		send(room)
		for range room {
			<-slow.entered
		}
		send(maxWaiting)
		servertest.Eventually(t, "all wait", func() bool { return h.auth.users.hashing.waiting.Load() == maxWaiting })
		for range 3 {
			got := ask(t, s, "GET /", basic("ann:more"))
			if got.Status != 503 || got.Value("Retry-After") != "1" {
				t.Errorf("got %d, Retry-After %q", got.Status, got.Value("Retry-After"))
			}
		}
		if got := ask(t, s, "GET /", basic("ann:secret")); got.Status != 200 {
			t.Errorf("who is known is answered by %d", got.Status)
		}
		if got := ask(t, s, "GET /"); got.Status != 401 {
			t.Errorf("who names nobody is answered by %d", got.Status)
		}
		close(slow.goOn)
		for _, c := range clients {
			if got := c.Receive("GET"); got.Status != 200 {
				t.Errorf("got %d", got.Status)
			}
		}
		if most := slow.most.Load(); most > int64(room) {
			t.Errorf("%d were hashed at once, want at most %d", most, room)
		}
	})
}

// Many requests with the same password, as a browser sends them for a page, have it hashed once.
func TestPasswordIsHashedOnce(t *testing.T) {
	h, slow := slowAuth(t, new(inner))
	h.auth.users.hashing.free = make(chan struct{}, 1)
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h})
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if got := ask(t, s, "GET /", basic("ann:secret")); got.Status != 200 {
				t.Errorf("got %d", got.Status)
			}
		})
	}
	servertest.Eventually(t, "all wait", func() bool { return h.auth.users.hashing.waiting.Load() == 19 })
	close(slow.goOn)
	all.Wait()
	if n := slow.calls.Load(); n != 1 {
		t.Errorf("the password was hashed %d times", n)
	}
}

// An unknown name takes a hashing like a known one, and lets nobody in even where the password matches.
func TestUnknownNameCosts(t *testing.T) {
	h, slow := slowAuth(t, new(inner))
	close(slow.goOn)
	s := servertest.New(t, servertest.Loop, &highball.Server{Handler: h})
	for n := range int64(3) {
		if got := ask(t, s, "GET /", basic("nobody:secret")); got.Status != 401 {
			t.Errorf("got %d", got.Status)
		}
		if slow.calls.Load() != n+1 {
			t.Errorf("%d passwords were hashed, want %d", slow.calls.Load(), n+1)
		}
	}
}

// Who leaves while waiting takes no turn, and nobody waits for ever.
func TestTurns(t *testing.T) {
	turns := newTurns()
	turns.free = make(chan struct{}, 1)
	never := func() context.Context { return context.Background() }
	if got := turns.enter(never); got != known {
		t.Fatalf("the first one: %d", got)
	}
	for cause, want := range map[error]outcome{highball.ErrClientLeft: gone, highball.ErrHandlerDeadline: crowded} {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		if got := turns.enter(func() context.Context { return ctx }); got != want {
			t.Errorf("%v: %d, want %d", cause, got, want)
		}
	}
	turns.patience = 1
	if got := turns.enter(never); got != crowded {
		t.Errorf("after some time: %d", got)
	}
	if n := turns.waiting.Load(); n != 0 {
		t.Errorf("%d wait", n)
	}
	turns.leave()
	if got := turns.enter(never); got != known {
		t.Errorf("after leave: %d", got)
	}
}
