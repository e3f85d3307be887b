package config

import (
	"os"
	"strconv"
	"strings"
)

// LoadEnvFile reads a file of environment variables and returns them as NAME=VALUE, in its order. The error is of type [Errors], or
// that of reading the file.
func LoadEnvFile(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseEnvFile(path, string(text))
}

// ParseEnvFile reads the text of a file of environment variables, whose name appears in positions:
//
//	# a comment
//	DEBUG=1                      # up to the comment or the line's end, without white space around it
//	export SECRET='as it is: $ \ #'
//	GREETING="two\nlines, a \"quote\", a \\ and a \$"
//
// A value between quotes may go over several lines. Nothing is put in place of $NAME: the workers get what is written. The error is
// of type [Errors].
func ParseEnvFile(name, text string) ([]string, error) {
	p := envParser{name: name, text: strings.TrimPrefix(text, "\uFEFF"), line: 1}
	var all []string
	for p.text != "" {
		if assignment, ok := p.assignment(); ok {
			all = append(all, assignment)
		}
	}
	return all, p.errs.result()
}

// ParseAssignment checks a variable for the workers, NAME=VALUE, as the command line has it.
func ParseAssignment(s string) (string, error) {
	variable, content, given := strings.Cut(s, "=")
	switch {
	case !given:
		return "", fault("write "+strconv.Quote(s+"=value"), "%q gives no value", s)
	case !isVariable(variable):
		return "", fault("write NAME=VALUE", "%q is not the name of a variable", variable)
	case strings.Contains(content, "\x00"):
		return "", fault("", "the value of %s has a null character, which no variable can have", variable)
	}
	return s, nil
}

// isVariable reports whether s can be the name of a variable in a shell.
func isVariable(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// envParser is at the beginning of a line between two calls of assignment.
type envParser struct {
	name string
	text string // what is not read yet
	line int
	errs Errors
}

func (p *envParser) fail(line int, problem, remedy string) {
	p.errs.add(Pos{File: p.name, Line: line}, problem, remedy)
}

// nextLine takes the rest of the line, without its end.
func (p *envParser) nextLine() string {
	line, rest, _ := strings.Cut(p.text, "\n")
	p.text = rest
	p.line++
	return strings.TrimSuffix(line, "\r")
}

// assignment reads a line, or the several of a value between quotes. It is not ok where there is nothing, or a fault.
func (p *envParser) assignment() (assignment string, ok bool) {
	begin := p.line
	line, _, _ := strings.Cut(p.text, "\n")
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		p.nextLine()
		return "", false
	}
	if word, rest, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " "); word == "export" {
		line = strings.TrimLeft(rest, " ")
	}
	variable, _, given := strings.Cut(line, "=")
	variable = strings.TrimSpace(variable)
	if !given || !isVariable(variable) {
		p.nextLine()
		problem := " gives no value"
		if given {
			line, problem = variable, " is not the name of a variable"
		}
		p.fail(begin, strconv.Quote(line)+problem, "write NAME=VALUE, or # before a comment")
		return "", false
	}
	_, p.text, _ = strings.Cut(p.text, "=")
	p.text = strings.TrimLeft(p.text, " \t")
	var content string
	if p.text != "" && (p.text[0] == '"' || p.text[0] == '\'') {
		if content, ok = p.quoted(variable); !ok {
			return "", false
		}
	} else {
		content = unquoted(p.nextLine())
	}
	if strings.Contains(content, "\x00") {
		p.fail(begin, "the value of "+variable+" has a null character, which no variable can have", "")
		return "", false
	}
	return variable + "=" + content, true
}

// unquoted returns a value up to a comment, which begins with white space and "#".
func unquoted(s string) string {
	for i := range len(s) {
		if s[i] == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t') {
			s = s[:i]
			break
		}
	}
	return strings.TrimRight(s, " \t")
}

// quoted reads a value between quotes, and the rest of its last line.
func (p *envParser) quoted(variable string) (content string, ok bool) {
	begin, quote := p.line, p.text[0]
	var b strings.Builder
	for i := 1; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case c == quote:
			p.text = p.text[i+1:]
			behind := strings.TrimSpace(p.nextLine())
			if behind != "" && behind[0] != '#' {
				p.fail(p.line-1, "there is "+strconv.Quote(behind)+" behind the value of "+variable, "put all of the value between the quotes")
				return "", false
			}
			return b.String(), true
		case c == '\\' && quote == '"' && i+1 < len(p.text):
			i++
			b.WriteString(unescaped(p.text[i]))
			if p.text[i] == '\n' {
				p.line++
			}
		default:
			b.WriteByte(c)
			if c == '\n' {
				p.line++
			}
		}
	}
	p.text = ""
	p.fail(begin, "the value of "+variable+" has no "+string(quote)+" at its end", "")
	return "", false
}

// unescaped returns what a backslash and c stand for between double quotes: as in a shell, but for the control characters
// that people write there.
func unescaped(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '\n':
		return ""
	case '"', '\\', '$', '`':
		return string(c)
	}
	return "\\" + string(c)
}
