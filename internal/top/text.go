package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
)

// clean returns a text from outside so that a terminal shows it and does nothing else: control bytes, what turns the direction of writing, what has no
// width, and what is no UTF-8 become visible as Go writes them. Without that, a client could write ESC into a target and move the cursor, rename the
// window or fill the clipboard of whoever looks on.
func clean(text string) string {
	harmless := true
	for _, r := range text {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			harmless = false
			break
		}
	}
	if harmless {
		return text
	}
	var b strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRune(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// side is where a text stands in its field.
type side uint8

const (
	left side = iota
	right
)

// fit returns a text, cleaned, in exactly so many columns: cut if it is longer, with spaces if it is shorter.
func fit(text string, width int, at side) string {
	if width <= 0 {
		return ""
	}
	text = clean(text)
	if ansi.StringWidth(text) > width {
		text = ansi.Truncate(text, width, "…")
	}
	// The width is measured after the cut, which may have left half of a wide character out.
	space := strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
	if at == right {
		return space + text
	}
	return text + space
}

// ruled returns a title in a line of its own.
func ruled(title string, width int) string {
	title = "── " + clean(title) + " "
	return faint.paint(fit(title+strings.Repeat("─", max(0, width-ansi.StringWidth(title))), width, left))
}

// style is how a text looks: the parameters of select graphic rendition (ECMA-48, 8.3.117). Where a terminal has no colours, or NO_COLOR is set,
// Bubble Tea leaves the colours out; so nothing is said by colour alone.
type style string

const (
	plain    style = ""
	bold     style = "1"
	faint    style = "2"
	reversed style = "7"
	bad      style = "1;31"
	doubtful style = "33"
	good     style = "32"
)

func (s style) paint(text string) string {
	if s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[m"
}

// count returns a number with its thousands apart: "1,234".
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// rate returns how often something happens in a second, without the unit.
func rate(perSecond float64) string {
	if perSecond > 0 && perSecond < 10 {
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return count(int64(math.Round(perSecond)))
}

// percent returns a share, with more digits where it is small.
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0%"
	case p < 0.1:
		return "<0.1%"
	case p < 10:
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	default:
		return strconv.FormatFloat(p, 'f', 0, 64) + "%"
	}
}

// span returns a duration of so many seconds in at most six columns: "12µs", "3.4ms", "5.6s", "7m08s", "9h10m", "11d2h".
func span(s float64) string {
	switch {
	case s <= 0 || math.IsNaN(s):
		return "0"
	case s < 0.0009995:
		return strconv.FormatFloat(s*1e6, 'f', 0, 64) + "µs"
	case s < 0.00995:
		return strconv.FormatFloat(s*1e3, 'f', 1, 64) + "ms"
	case s < 0.9995:
		return strconv.FormatFloat(s*1e3, 'f', 0, 64) + "ms"
	case s < 9.95:
		return strconv.FormatFloat(s, 'f', 1, 64) + "s"
	case s < 60:
		return strconv.Itoa(int(s)) + "s"
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", int(s)/60, int(s)%60)
	case s < 48*3600:
		return fmt.Sprintf("%dh%02dm", int(s)/3600, int(s)/60%60)
	}
	return fmt.Sprintf("%dd%dh", int64(s)/86400, int64(s)/3600%24)
}

// size returns so many bytes in at most nine columns.
func size(bytes float64) string {
	unit := 0
	for bytes >= 1000 && unit < 4 {
		bytes /= 1024
		unit++
	}
	digits := 1
	if unit == 0 || bytes >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(bytes, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB"}[unit]
}
