package static

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"highball"
)

// Range requests: RFC 9110, section 14. Of a request for several ranges only a modest one is granted: a few parts that do
// not overlap, in any order. Every other one would let a small request ask for a multiple of the file, and is
// answered with the file as a whole, as section 14.2 advises.

// maxRanges is how many ranges one request may ask for.
const maxRanges = 16

// byteRange is length bytes, at least one, from the position start.
type byteRange struct {
	start, length int64
}

func (b byteRange) contentRange(size int64) string {
	return fmt.Sprintf("bytes %d-%d/%d", b.start, b.start+b.length-1, size)
}

// extent says how much of a representation a request gets.
type extent int

const (
	whole         extent = iota // no ranges, or such as are ignored
	partial                     // at least one range
	unsatisfiable               // ranges that all lie behind the end
)

// parseRanges reads the value of a Range field for a representation of size bytes. Ranges that lie behind the end
// are left out, unless there are no others.
func parseRanges(value string, size int64) ([]byteRange, extent) {
	unit, list, ok := strings.Cut(value, "=")
	if !ok || !strings.EqualFold(trimSpace(unit), "bytes") {
		return nil, whole
	}
	var ranges []byteRange
	count := 0
	for spec := range strings.SplitSeq(list, ",") {
		spec = trimSpace(spec)
		if spec == "" {
			continue // section 5.6.1.2: empty elements of a list count for nothing
		}
		if count++; count > maxRanges {
			return nil, whole
		}
		part, ok := parseRange(spec, size)
		if !ok {
			return nil, whole
		}
		if part.length > 0 {
			ranges = append(ranges, part)
		}
	}
	switch {
	case count == 0 || size == 0 || overlapping(ranges):
		return nil, whole
	case len(ranges) == 0:
		return nil, unsatisfiable
	}
	return ranges, partial
}

// parseRange reads "first-last", "first-" or "-suffix". A range behind the end has length 0.
func parseRange(spec string, size int64) (byteRange, bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return byteRange{}, false
	}
	first, last = strings.TrimRight(first, " \t"), strings.TrimLeft(last, " \t")
	if first == "" {
		suffix, ok := parsePosition(last)
		suffix = min(suffix, size)
		return byteRange{size - suffix, suffix}, ok
	}
	from, ok := parsePosition(first)
	if !ok {
		return byteRange{}, false
	}
	to := size - 1
	if last != "" {
		n, ok := parsePosition(last)
		if !ok || n < from {
			return byteRange{}, false
		}
		to = min(to, n)
	}
	if from > to {
		return byteRange{}, true
	}
	return byteRange{from, to - from + 1}, true
}

// parsePosition reads 1*DIGIT. One that is too large for 64 bits is as good as the largest that is not.
func parsePosition(digits string) (int64, bool) {
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n, true
}

func overlapping(ranges []byteRange) bool {
	sorted := slices.SortedFunc(slices.Values(ranges), func(a, b byteRange) int { return cmp.Compare(a.start, b.start) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].start < sorted[i-1].start+sorted[i-1].length {
			return true
		}
	}
	return false
}

// sendRanges answers with parts of f, which has size bytes. The header describes the whole: section 15.3.7.
func sendRanges(w *highball.Response, f *os.File, size int64, ranges []byteRange) error {
	w.SetStatus(206)
	if len(ranges) == 1 {
		part := ranges[0]
		w.Header().Set("Content-Range", part.contentRange(size))
		w.SetContentLength(part.length)
		return w.SendFile(f, part.start, part.length)
	}
	boundary := rand.Text()
	mediaType := w.Header().Value("Content-Type")
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	heads := make([]string, len(ranges))
	end := "\r\n--" + boundary + "--\r\n"
	length := int64(len(end))
	for i, part := range ranges {
		heads[i] = "\r\n--" + boundary + "\r\nContent-Type: " + mediaType + "\r\nContent-Range: " + part.contentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + part.length
	}
	w.SetContentLength(length)
	for i, part := range ranges {
		if _, err := w.WriteString(heads[i]); err != nil {
			return err
		}
		if err := w.SendFile(f, part.start, part.length); err != nil {
			return err
		}
	}
	_, err := w.WriteString(end)
	return err
}
