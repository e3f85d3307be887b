package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnvFile(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                  {"", nil},
		"comments and empty lines": {"# a\n\n   \t\n  # b\n", nil},
		"a value":                  {"A=1\n", []string{"A=1"}},
		"no line end":              {"A=1", []string{"A=1"}},
		"Windows line ends":        {"A=1\r\nB=\"2\"\r\n", []string{"A=1", "B=2"}},
		"a byte order mark":        {"\uFEFFA=1", []string{"A=1"}},
		"nothing as a value":       {"A=\nB=\"\"\nC=''", []string{"A=", "B=", "C="}},
		"in the order of the file": {"B=1\nA=2\nB=3", []string{"B=1", "A=2", "B=3"}},
		"white space around":       {"  A = 1 \t\n\tB=\t2", []string{"A=1", "B=2"}},
		"white space inside":       {"A=one two", []string{"A=one two"}},
		"an equals sign":           {"A=b=c", []string{"A=b=c"}},
		"export":                   {"export A=1\nexport\tB=2\nexport=3\nexported=4", []string{"A=1", "B=2", "export=3", "exported=4"}},
		"a comment behind":         {"A=1 # one\nB=1#2\nC=#3\nD='4' # four", []string{"A=1", "B=1#2", "C=", "D=4"}},
		"double quotes":            {`A=" a # b "`, []string{"A= a # b "}},
		"escapes":                  {`A="a\nb\tc\\d\"e\$f\qg"`, []string{"A=a\nb\tc\\d\"e$f\\qg"}},
		"single quotes":            {`A='a\n"$B'`, []string{`A=a\n"$B`}},
		"no escapes without":       {`A=a\nb`, []string{`A=a\nb`}},
		"quotes inside":            {`A=it's`, []string{"A=it's"}},
		"several lines":            {"A=\"one\ntwo\"\nB='three\nfour'\nC=5", []string{"A=one\ntwo", "B=three\nfour", "C=5"}},
		"a continued line":         {"A=\"one \\\ntwo\"", []string{"A=one two"}},
		"an equals sign in white":  {"A=\"b=c\"\nD=e", []string{"A=b=c", "D=e"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseEnvFile(".env", test.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseEnvFileErrors(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no equals sign": {"A=1\nB\n", `.env:2: "B" gives no value; write NAME=VALUE, or # before a comment`},
		"export alone":   {"export A", `.env:1: "A" gives no value; write NAME=VALUE, or # before a comment`},
		"no name":        {"=1", `.env:1: "" is not the name of a variable; write NAME=VALUE, or # before a comment`},
		"a strange name": {"1A=1\nA-B=2\nA B=3", `.env:1: "1A" is not the name of a variable; write NAME=VALUE, or # before a comment
.env:2: "A-B" is not the name of a variable; write NAME=VALUE, or # before a comment
.env:3: "A B" is not the name of a variable; write NAME=VALUE, or # before a comment`},
		"an open quote":            {"A=1\nB=\"two\nC=3\n", `.env:2: the value of B has no " at its end`},
		"an escaped quote":         {`A="1\"`, `.env:1: the value of A has no " at its end`},
		"text behind":              {"A='1' 2\nB", `.env:1: there is "2" behind the value of A; put all of the value between the quotes` + "\n" + `.env:2: "B" gives no value; write NAME=VALUE, or # before a comment`},
		"text behind several":      {"A='1\n2'3\nB", `.env:2: there is "3" behind the value of A; put all of the value between the quotes` + "\n" + `.env:3: "B" gives no value; write NAME=VALUE, or # before a comment`},
		"a null character":         {"A=a\x00", ".env:1: the value of A has a null character, which no variable can have"},
		"after a continued line":   {"A=\"a\\\nb\"\nB", `.env:3: "B" gives no value; write NAME=VALUE, or # before a comment`},
		"an empty line with blank": {"A\n \n", `.env:1: "A" gives no value; write NAME=VALUE, or # before a comment`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseEnvFile(".env", test.text)
			var errs Errors
			if err == nil || !errors.As(err, &errs) || err.Error() != test.want {
				t.Errorf("error %v\nwant  %s", err, test.want)
			}
		})
	}
}

func TestLoadEnvFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), ".env")
	if _, err := LoadEnvFile(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(name, []byte("A=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadEnvFile(name); err != nil || !cmp.Equal(got, []string{"A=1"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// Whatever is in the file, what is read of it can be given to a process.
func FuzzParseEnvFile(f *testing.F) {
	f.Add("export A='x' # y\nB=\"\\\n\"\nC\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := ParseEnvFile("f", text)
		for _, assignment := range all {
			if _, fault := ParseAssignment(assignment); err == nil && fault != nil {
				t.Errorf("%q: %v", assignment, fault)
			}
		}
	})
}

func TestParseAssignment(t *testing.T) {
	for s, want := range map[string]string{
		"A=1": "", "A=": "", "_a1=b=c d": "",
		"A":      `"A" gives no value; write "A=value"`,
		"=1":     `"" is not the name of a variable; write NAME=VALUE`,
		"A B=1":  `"A B" is not the name of a variable; write NAME=VALUE`,
		"A=\x00": "the value of A has a null character, which no variable can have",
	} {
		got, err := ParseAssignment(s)
		switch {
		case want == "" && (err != nil || got != s):
			t.Errorf("%q: %q, %v", s, got, err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%q: error %v, want %s", s, err, want)
		}
	}
}
