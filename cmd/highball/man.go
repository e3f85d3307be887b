package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// manual returns the manual page of the commands in roff, for man(7). It says what the help says.
func manual(root *cobra.Command) []byte {
	var page bytes.Buffer
	name := root.Name()
	fmt.Fprintf(&page, ".TH %s 1 \"\" %q \"User Commands\"\n", strings.ToUpper(name), name+" "+strings.Fields(version())[0])
	fmt.Fprintf(&page, ".SH NAME\n%s \\- %s\n", roff(name), roff(lowerFirst(root.Short)))
	page.WriteString(".SH SYNOPSIS\n")
	page.WriteString(".nf\n")
	for _, c := range append([]*cobra.Command{root}, visible(root)...) {
		fmt.Fprintf(&page, "%s\n", roff(c.UseLine()))
	}
	page.WriteString(".fi\n")
	page.WriteString(".SH DESCRIPTION\n")
	writeText(&page, root.Long)
	page.WriteString(".SH OPTIONS\n")
	root.LocalFlags().VisitAll(func(f *pflag.Flag) { writeFlag(&page, f) })
	page.WriteString(".SH COMMANDS\n")
	for _, c := range visible(root) {
		fmt.Fprintf(&page, ".TP\n\\fB%s\\fR\n%s.\n", roff(strings.TrimPrefix(c.UseLine(), name+" ")), roff(c.Short))
	}
	page.WriteString(`.SH SIGNALS
.TP
\fBSIGINT\fR, \fBSIGTERM\fR
Accept no more connections, finish what is in flight, for at most 30 seconds, and end. SIGINT while this goes on ends the
server at once.
.TP
\fBSIGHUP\fR
Read the configuration again, and replace the workers of Python applications by new ones, without losing a request; if anything is wrong, all
goes on as it was. Without a file and without applications the same as SIGTERM. Nothing, if it was ignored at the start, as under nohup.
.TP
\fBSIGUSR1\fR
Open the access log's file anew, after it was renamed.
.TP
\fBSIGUSR2\fR
Start the program anew, as it is on the disk now, hand it the sockets, and end as on SIGTERM when it serves.
.SH EXIT STATUS
.TP
\fB0\fR
The server was told to stop, and stopped; a command has done what it is for.
.TP
\fB1\fR
It could not serve: the configuration or a variable has faults, a file cannot be opened, an address cannot be listened at, or an
application cannot be loaded. A running server has refused or failed to do what a command asks for.
.TP
\fB2\fR
The command line means nothing, or names what is not there.
.TP
\fB3\fR
The server that a command is for does not run.
.TP
\fB130\fR
SIGINT cut short what was in flight.
`)
	return page.Bytes()
}

// visible returns the commands below c that its help lists.
func visible(c *cobra.Command) (all []*cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, sub)
		}
	}
	return all
}

// writeText writes paragraphs; indented lines stay as they are.
func writeText(page *bytes.Buffer, text string) {
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(paragraph, " ") {
			fmt.Fprintf(page, ".PP\n.nf\n%s\n.fi\n", roff(paragraph))
			continue
		}
		fmt.Fprintf(page, ".PP\n%s\n", roff(paragraph))
	}
}

func writeFlag(page *bytes.Buffer, f *pflag.Flag) {
	argument, usage := pflag.UnquoteUsage(f)
	page.WriteString(".TP\n")
	if f.Shorthand != "" {
		fmt.Fprintf(page, "\\fB%s\\fR, ", roff("-"+f.Shorthand))
	}
	fmt.Fprintf(page, "\\fB%s\\fR", roff("--"+f.Name))
	if argument != "" {
		fmt.Fprintf(page, " \\fI%s\\fR", roff(argument))
	}
	fmt.Fprintf(page, "\n%s.\n", roff(usage))
}

// roff returns text in which nothing is a request or an escape: hyphens are those of code, and a line that begins with a
// control character is kept from being a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// lowerFirst returns a sentence as the part of another.
func lowerFirst(s string) string {
	return strings.ToLower(s[:1]) + s[1:]
}
