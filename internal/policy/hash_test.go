package policy

import (
	"os/exec"
	"strings"
	"testing"
)

func TestHashes(t *testing.T) {
	tests := []struct{ name, password, hash string }{
		{"bcrypt of htpasswd", "bar", "$2y$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6O"},
		{"bcrypt 2b", "bar", "$2b$08$hQbZuw.cHsECArUAP9mOjehaJxTG9NMJfioQIHcbC0YyXpVybhoQa"},
		{"SHA", "mickey5", "{SHA}D9rQ8iK6feNAniulHNKdr5V38ok="},
		{"apr1", "secret", "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/"},
		// Those of the reference implementation's tests.
		{"argon2id", "password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"},
		{"argon2id, two threads", "password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"},
		{"argon2i", "password", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h, err := parseHash(test.hash)
			if err != nil {
				t.Fatal(err)
			}
			if !h.matches(test.password) {
				t.Error("the password does not match")
			}
			for _, other := range []string{"", test.password + "x", test.password[1:], strings.ToUpper(test.password)} {
				if h.matches(other) {
					t.Errorf("%q matches, too", other)
				}
			}
		})
	}
}

func TestRefusedHashes(t *testing.T) {
	salted := "$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	tests := []struct{ name, hash, want string }{
		{"plain text", "secret", "plain text and crypt(3) are refused"},
		{"DES", "2yK9Xlz0Rbm2s", "plain text and crypt(3) are refused"},
		{"MD5 of crypt(3)", "$1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/", "plain text and crypt(3) are refused"},
		{"SHA-512 of crypt(3)", "$6$abcdefgh$xyz", "plain text and crypt(3) are refused"},
		{"salted SHA", "{SSHA}0c0blFTXXNuAMHECS4uxrj3ZieMoWImr", "plain text and crypt(3) are refused"},
		{"none", "", "plain text and crypt(3) are refused"},
		{"short bcrypt", "$2y$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6", "malformed bcrypt"},
		{"bcrypt of another alphabet", "$2y$05$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6=", "malformed bcrypt"},
		{"bcrypt of the variant with the sign error", "$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "malformed bcrypt"},
		{"bcrypt for hours", "$2y$31$bWBMg3oUStnhfy5rFvoyreviPySU6hvEmBub5wIlM/D.c5FeYJQ6O", "cost 31"},
		{"short SHA", "{SHA}D9rQ8iK6feNAniulHNKd", "malformed"},
		{"apr1 without a sum", "$apr1$abcdefgh$", "malformed apr1"},
		{"apr1 with a long salt", "$apr1$abcdefghi$h9FWgUz3n9YxylKLlR5SQ/", "malformed apr1"},
		{"argon2d", "$argon2d$v=19$m=256,t=2,p=1" + salted, "argon2d"},
		{"argon2 of an old version", "$argon2id$v=16$m=256,t=2,p=1" + salted, "malformed argon2"},
		{"argon2 without a version", "$argon2i$m=256,t=2,p=1" + salted, "malformed argon2"},
		{"argon2 for gigabytes", "$argon2id$v=19$m=4194304,t=1,p=1" + salted, "m=4194304"},
		{"argon2 for hours", "$argon2id$v=19$m=262144,t=30,p=1" + salted, "m times t"},
		{"argon2 of many passes", "$argon2id$v=19$m=8,t=4294967295,p=1" + salted, "t=4294967295"},
		{"argon2 of no pass", "$argon2id$v=19$m=8,t=0,p=1" + salted, "t=0"},
		{"argon2 of no thread", "$argon2id$v=19$m=8,t=1,p=0" + salted, "p=0"},
		{"argon2 of many threads", "$argon2id$v=19$m=65536,t=1,p=255" + salted, "p=255"},
		{"argon2 of less memory than threads want", "$argon2id$v=19$m=8,t=1,p=2" + salted, "8 times p"},
		{"argon2 with costs in another order", "$argon2id$v=19$t=2,m=256,p=1" + salted, "its costs are"},
		{"argon2 without salt", "$argon2id$v=19$m=256,t=2,p=1$$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "malformed argon2"},
		{"argon2 without a sum", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$", "malformed argon2"},
		{"argon2 with padding", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ==$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4", "malformed argon2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseHash(test.hash)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if secret := test.hash[len(test.hash)/2:]; secret != "" && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

// What Apache's program makes is taken.
func TestHtpasswd(t *testing.T) {
	program, err := exec.LookPath("htpasswd")
	if err != nil {
		t.Skip("there is no htpasswd")
	}
	for _, option := range []string{"-B", "-m", "-s"} {
		for _, password := range []string{"secret", "p:ä ß", strings.Repeat("long", 18), "x"} {
			line, err := exec.Command(program, "-nb", option, "bob", password).Output()
			if err != nil {
				t.Fatal(err)
			}
			a, err := parseAccount(strings.TrimSpace(string(line)))
			if err != nil {
				t.Fatalf("%s: %v", option, err)
			}
			if a.name != "bob" || !a.hash.matches(password) || a.hash.matches(password[1:]) {
				t.Errorf("%s %q: the user %q, or a password that does not match", option, password, a.name)
			}
		}
	}
}
