package static

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"highball"
)

// How a listing is shown. The page needs no script, no second file and no other origin, and its policy forbids them all.

//go:embed listing.css
var listingStyle string

// listingPolicy returns the Content-Security-Policy of listings, which permits their style alone.
func listingPolicy() string {
	sum := sha256.Sum256([]byte(listingStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
}

// listing is the content of a folder, ready to be shown.
type listing struct {
	path   string // canonical, with a slash at its end
	order  order
	items  []item // sorted
	cut    bool   // there are more
	upload bool   // show the form
}

const (
	folderIcon = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M1.5 3.5h4l1.5 2h7.5v7.5h-13z"/></svg>`
	fileIcon   = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3"/></svg>`
)

func (l *listing) writeHTML(w *highball.Response) error {
	out := flushWriter{w: w}
	title := html.EscapeString(displayed(l.path))
	out.text(`<!doctype html><html lang="en"><head><meta charset="utf-8">`,
		`<meta name="viewport" content="width=device-width,initial-scale=1"><title>`, title, `</title><style>`, listingStyle,
		"</style></head>\n<body><main>\n")
	l.writeCrumbs(&out)
	out.text("<table><caption>", l.summary(), "</caption>\n<thead><tr>")
	l.writeColumn(&out, "name", "Name", "")
	l.writeColumn(&out, "size", "Size", "size")
	l.writeColumn(&out, "time", "Modified (UTC)", "time")
	out.text("</tr></thead>\n<tbody>\n")
	if l.path != "/" {
		out.text(`<tr class="folder"><th scope="row">`, folderIcon, `<a href="../" rel="up">..</a></th><td></td><td class="time"></td></tr>`, "\n")
	}
	for i := range l.items {
		l.items[i].writeRow(&out)
	}
	out.text("</tbody></table>\n")
	if l.upload {
		out.text(`<form method="post" enctype="multipart/form-data"><label for="file">Add files</label>`,
			`<input type="file" id="file" name="file" multiple required><button>Upload</button></form>`, "\n")
	}
	out.text("</main></body></html>\n")
	return out.finish()
}

// writeCrumbs writes the way from the root to the folder, each step a link but for the last one.
func (l *listing) writeCrumbs(out *flushWriter) {
	out.text(`<nav aria-label="Folders"><h1><ol>`)
	steps := strings.Split(strings.TrimSuffix(l.path, "/"), "/")
	at := ""
	for i, step := range steps {
		at += escapePath(step) + "/"
		label := "Home"
		if i > 0 {
			label = "<bdi>" + html.EscapeString(displayed(step)) + "</bdi>"
		}
		if i == len(steps)-1 {
			out.text(`<li aria-current="page">`, label, "</li>")
		} else {
			out.text(`<li><a href="`, at, `">`, label, "</a></li>")
		}
	}
	out.text("</ol></h1></nav>\n")
}

func (l *listing) summary() string {
	if l.cut {
		return "The first " + strconv.Itoa(len(l.items)) + " entries that the system names; there are more"
	}
	folders := 0
	for i := range l.items {
		if l.items[i].kind == folder {
			folders++
		}
	}
	return counted(folders, "folder") + ", " + counted(len(l.items)-folders, "file")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// writeColumn writes a column's head, whose link sorts by it, or turns the order around.
func (l *listing) writeColumn(out *flushWriter, column, label, class string) {
	link, state := "?sort="+column+"&amp;order=asc", ""
	if l.order.column == column {
		state = ` aria-sort="ascending"`
		if l.order.descending {
			state = ` aria-sort="descending"`
		} else {
			link = "?sort=" + column + "&amp;order=desc"
		}
	}
	out.text(`<th scope="col" class="`, class, `"`, state, `><a href="`, link, `">`, label, "</a></th>")
}

func (i *item) writeRow(out *flushWriter) {
	// "./" keeps a colon in the name from ending a scheme.
	href, icon, class := "./"+escapePath(i.name), fileIcon, "file"
	if i.kind == folder {
		href, icon, class = href+"/", folderIcon, "folder"
	}
	out.text(`<tr class="`, class, `"><th scope="row">`, icon, `<a href="`, href, `"><bdi>`, html.EscapeString(displayed(i.name)), "</bdi></a></th>")
	if i.kind == folder {
		out.text(`<td class="size"></td>`)
	} else {
		out.text(`<td class="size" title="`, strconv.FormatInt(i.size, 10), ` bytes">`, humanSize(i.size), "</td>")
	}
	out.text(`<td class="time"><time datetime="`, i.modified.Format(time.RFC3339), `">`, i.modified.Format("2006-01-02 15:04"), "</time></td></tr>\n")
}

// displayed returns a name as it can be shown: octets that are not UTF-8, and characters that have no glyph or turn
// the direction of what follows, become U+FFFD.
func displayed(name string) string {
	clean := true
	for _, r := range name {
		clean = clean && shown(r)
	}
	if clean {
		return name
	}
	var b strings.Builder
	for _, r := range name {
		if !shown(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

func shown(r rune) bool {
	return r != utf8.RuneError && !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r)
}

// humanSize returns a size in the largest unit that leaves at least one whole, in steps of 1024.
func humanSize(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	size := float64(n) / 1024
	for size >= 1023.95 && len(units) > 1 {
		size /= 1024
		units = units[1:]
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + units[0]
}

// entryJSON is an element of a listing as JSON. Octets of a name that are not UTF-8 come as U+FFFD.
type entryJSON struct {
	Name     string    `json:"name"`
	Type     string    `json:"type"` // "file" or "folder"
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

func (l *listing) writeJSON(w *highball.Response) error {
	out := flushWriter{w: w}
	separator := "["
	for _, i := range l.items {
		entry := entryJSON{Name: i.name, Type: "file", Size: i.size, Modified: i.modified}
		if i.kind == folder {
			entry.Type = "folder"
		}
		line, err := json.Marshal(entry)
		if err != nil {
			return err
		}
		out.text(separator, string(line))
		separator = ",\n"
	}
	if len(l.items) == 0 {
		out.text(separator)
	}
	out.text("]\n")
	return out.finish()
}
