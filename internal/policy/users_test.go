package policy

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

const (
	shaSecret  = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="                            // "secret"
	aprSecret  = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"                        // "secret"
	bcryptBar  = "$2y$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6O" // "bar"
	argonWords = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
)

func TestUsersFile(t *testing.T) {
	text := "# who may come\n\nann:" + shaSecret + "\r\n  bob:" + aprSecret + ":Bob Smith \nä b:" + bcryptBar + "\neve:" + argonWords
	table, err := parseUsers("users", text, newSecret(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"ann": "secret", "bob": "secret", "ä b": "bar", "eve": "password"} {
		if a, ok := table.byName[name]; !ok || a.name != name || !a.hash.matches(password) {
			t.Errorf("%q is not let in with %q", name, password)
		}
	}
	if len(table.accounts) != 4 || len(table.byName) != 4 {
		t.Errorf("%d accounts, %d names", len(table.accounts), len(table.byName))
	}
}

// Everything that is wrong is told at once, with its line.
func TestUsersFileFaults(t *testing.T) {
	text := strings.Join([]string{
		"ann:" + shaSecret, "bob", ":" + shaSecret, "b\x01b:" + shaSecret, "ann:" + aprSecret, "eve:plain", strings.Repeat("n", 1024) + ":" + shaSecret,
	}, "\n")
	_, err := parseUsers("/etc/users", text, newSecret(), time.Now())
	want := `/etc/users:2: no colon: a line is NAME:HASH
/etc/users:3: no user name before the colon
/etc/users:4: the user name "b\x01b" has a control character
/etc/users:5: the user "ann" is in line 1 already
/etc/users:6: the user "eve": the password must be hashed by bcrypt, argon2, apr1 or SHA; plain text and crypt(3) are refused
/etc/users:7: a user name of 1024 bytes`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// An unknown name is compared with the account of another: always the same, and not that of everybody.
func TestStandIn(t *testing.T) {
	var text strings.Builder
	for i := range 10 {
		fmt.Fprintf(&text, "user%d:%s\n", i, shaSecret)
	}
	table, err := parseUsers("users", text.String(), newSecret(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	chosen := make(map[string]bool)
	for i := range 1000 {
		name := fmt.Sprint("nobody", i)
		first := table.standIn(name).name
		if again := table.standIn(name).name; again != first {
			t.Fatalf("%s stands in for %s, then %s", first, name, again)
		}
		chosen[first] = true
	}
	if len(chosen) != 10 {
		t.Errorf("only %d of 10 accounts stand in", len(chosen))
	}
}

func TestDigest(t *testing.T) {
	s := newSecret()
	for _, n := range []int{0, 1, 55, 64, 500, maxCredentials} {
		text := []byte(strings.Repeat("x", n))
		mac := hmac.New(sha256.New, s[:])
		mac.Write(text)
		if got := s.digest(text); !hmac.Equal(got[:], mac.Sum(nil)) {
			t.Errorf("%d bytes: got %x, want %x", n, got, mac.Sum(nil))
		}
	}
	if newSecret().digest(nil) == s.digest(nil) {
		t.Error("two secrets are the same")
	}
}

func credentialsOf(t testing.TB, user, password string) *credentials {
	t.Helper()
	c := new(credentials)
	c.size, c.colon = copy(c.bytes[:], user+":"+password), len(user)
	return c
}

// What was verified is known for some minutes, and there is a bound to how much.
func TestVerified(t *testing.T) {
	now := time.Now()
	v := newVerified(newSecret(), now)
	ann := credentialsOf(t, "ann", "secret")
	knows := func(c *credentials, at time.Time) bool {
		name, ok := v.lookup(c, at)
		if ok && name != string(c.user()) {
			t.Errorf("%q is taken for %q", c.user(), name)
		}
		return ok
	}
	if knows(ann, now) {
		t.Error("known before it was verified")
	}
	v.add(ann, "ann", now)
	for _, other := range []*credentials{credentialsOf(t, "ann", "Secret"), credentialsOf(t, "ann", ""), credentialsOf(t, "an", "nsecret"), credentialsOf(t, "bob", "secret")} {
		if knows(other, now) {
			t.Errorf("%s is known, too", other.all())
		}
	}
	if !knows(ann, now.Add(verifiedFor-1)) || knows(ann, now.Add(verifiedFor)) {
		t.Error("not known for as long as it should be")
	}
	for i := range maxVerified + 200 {
		v.add(credentialsOf(t, fmt.Sprint("user", i), "secret"), fmt.Sprint("user", i), now.Add(time.Duration(i)))
	}
	if n := len(v.seen); n != maxVerified {
		t.Errorf("%d are remembered, want %d", n, maxVerified)
	}
	last := now.Add(maxVerified + 200)
	if !knows(credentialsOf(t, fmt.Sprint("user", maxVerified+199), "secret"), last) || knows(credentialsOf(t, "user0", "secret"), last) {
		t.Error("not the oldest were forgotten")
	}
	v.add(ann, "ann", last.Add(verifiedFor))
	if n := len(v.seen); n != 1 {
		t.Errorf("%d are remembered, want the one that is not too old", n)
	}
}
