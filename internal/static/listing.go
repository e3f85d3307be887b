package static

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"highball"
)

// maxListed bounds the memory that one listing takes: what a folder holds beyond it is not shown, and the page says so.
const maxListed = 100_000

// item is a line of a listing.
type item struct {
	name     string
	folded   string // the name as it is sorted
	size     int64
	modified time.Time
	kind     kind // file or folder
}

// order is how a listing is sorted.
type order struct {
	column     string // "name", "size" or "time"
	descending bool
}

// orderOf reads the order from a query; what it does not know counts for nothing.
func orderOf(query string) order {
	o := order{column: "name"}
	values, _ := url.ParseQuery(query)
	switch column := values.Get("sort"); column {
	case "size", "time":
		o.column = column
	}
	o.descending = values.Get("order") == "desc"
	return o
}

// list answers with what a folder holds, as a page or as JSON.
func (s *Site) list(w *highball.Response, r *highball.Request, name string) error {
	dir, err := s.tree.folder(name)
	if err != nil {
		return s.fail(w, statusOf(err), absence(err).cause)
	}
	defer dir.Close()
	l := listing{path: r.Path(), order: orderOf(r.Query()), upload: s.cfg.Upload}
	reading := r.Method() == "GET"
	if reading {
		read := func(entry fs.DirEntry) (item, bool) {
			info, err := entry.Info()
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				info, err = s.tree.stat(join(name, entry.Name()))
			}
			return s.itemOf(entry.Name(), info, err)
		}
		l.items, l.cut, err = readFolder(dir, read)
		if err != nil {
			return s.fail(w, statusOf(err), absence(err).cause)
		}
		l.order.sort(l.items)
	}
	h := w.Header()
	h.Set("Vary", "Accept")
	h.Set("X-Content-Type-Options", "nosniff")
	if wantsJSON(r.Header()) {
		h.Set("Content-Type", "application/json")
		if reading {
			return l.writeJSON(w)
		}
		return nil
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", s.style)
	h.Set("Referrer-Policy", "same-origin")
	if reading {
		return l.writeHTML(w)
	}
	return nil
}

// join returns the name of an entry of a folder.
func join(folder, entry string) string {
	if folder == "." {
		return entry
	}
	return folder + "/" + entry
}

// wantsJSON reports whether a client asks for JSON by name, and not for HTML at least as much.
func wantsJSON(h *highball.Header) bool {
	accept, _ := h.Joined("Accept")
	json, jsonNamed := mediaWeight(accept, "application/json")
	html, htmlNamed := mediaWeight(accept, "text/html")
	return jsonNamed && json > 0 && (json > html || json == html && !htmlNamed)
}

// readFolder reads the entries of a folder, at most maxListed of them; cut says that there are more.
func readFolder(dir *os.Root, read func(fs.DirEntry) (item, bool)) (items []item, cut bool, err error) {
	f, err := dir.Open(".")
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	for {
		batch, err := f.ReadDir(1024)
		for _, entry := range batch {
			if line, ok := read(entry); ok {
				if len(items) == maxListed {
					return items, true, nil
				}
				items = append(items, line)
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return items, false, nil
		case err != nil:
			return nil, false, err
		}
	}
}

// itemOf returns the line of what a request for it would get: hidden names, broken links, links that lead outside
// and whatever is neither file nor folder have none.
func (s *Site) itemOf(name string, info fs.FileInfo, err error) (item, bool) {
	if err != nil || s.hiddenName(name) {
		return item{}, false
	}
	line := item{name: name, folded: strings.ToLower(name), modified: info.ModTime().UTC()}
	switch {
	case info.IsDir():
		line.kind = folder
	case info.Mode().IsRegular():
		line.kind = file
		line.size = info.Size()
	default:
		return item{}, false
	}
	return line, true
}

// sort sorts folders before files, and both by the column of o; equal ones by name.
func (o order) sort(items []item) {
	slices.SortFunc(items, func(a, b item) int {
		if a.kind != b.kind {
			if a.kind == folder {
				return -1
			}
			return 1
		}
		by := 0
		switch o.column {
		case "size":
			by = cmp.Compare(a.size, b.size)
		case "time":
			by = a.modified.Compare(b.modified)
		}
		if by == 0 {
			by = cmp.Or(compareNatural(a.folded, b.folded), strings.Compare(a.name, b.name))
		}
		if o.descending {
			return -by
		}
		return by
	})
}

// compareNatural compares names as people count: runs of digits by their value.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		if isDigit(a[0]) && isDigit(b[0]) {
			numberA, restA := cutNumber(a)
			numberB, restB := cutNumber(b)
			if by := cmp.Or(cmp.Compare(len(numberA), len(numberB)), strings.Compare(numberA, numberB)); by != 0 {
				return by
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		a, b = a[1:], b[1:]
	}
	return cmp.Compare(len(a), len(b))
}

// cutNumber splits a run of digits off, without leading zeros.
func cutNumber(s string) (number, rest string) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	return strings.TrimLeft(s[:end], "0"), s[end:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// flushWriter gathers what is written in pieces and passes it on in large parts.
type flushWriter struct {
	w   *highball.Response
	buf []byte
	err error
}

const flushSize = 32 << 10

func (f *flushWriter) text(parts ...string) {
	for _, part := range parts {
		f.buf = append(f.buf, part...)
	}
	if len(f.buf) >= flushSize {
		f.flush()
	}
}

func (f *flushWriter) flush() {
	if f.err == nil {
		_, f.err = f.w.Write(f.buf)
	}
	f.buf = f.buf[:0]
}

// finish passes the rest on and returns the first error.
func (f *flushWriter) finish() error {
	f.flush()
	return f.err
}
