package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// marshalCase is a value in both codecs, and as JSON would have it: text as a string of the code points.
type marshalCase struct {
	name   string
	append func(dst []byte, c codec) []byte
	want   any
}

func marshalCases() []marshalCase {
	text := func(name, s string) marshalCase {
		return marshalCase{name, func(dst []byte, c codec) []byte { return appendText(dst, c, s) }, latin1(s)}
	}
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return []marshalCase{
		text("empty", ""),
		text("ASCII", "GET"),
		text("controls and DEL", "a\x00\t\x7fb"),
		text("255 bytes, the longest short text", strings.Repeat("x", 255)),
		text("256 bytes", strings.Repeat("x", 256)),
		text("70000 bytes", strings.Repeat("y", 70000)),
		text("UTF-8, which stays bytes", "/käse/日本"),
		text("one high byte at the end of a word", "1234567\x80"),
		text("one high byte after a word", "12345678\xff"),
		text("every byte", string(every)),
		text("70000 high bytes", strings.Repeat("\xe9", 70000)),
		{"None", func(dst []byte, c codec) []byte { return c.appendNone(dst) }, nil},
		{"tuple", func(dst []byte, c codec) []byte {
			dst = c.appendTuple(dst, 3)
			dst = appendText(dst, c, []byte("a"))
			dst = c.appendNone(dst)
			return appendText(dst, c, "\xe9")
		}, []any{"a", nil, "é"}},
		{"dict", func(dst []byte, c codec) []byte {
			dst = c.appendDict(dst)
			dst = appendText(dst, c, "HTTP_HOST")
			dst = appendText(dst, c, "test")
			dst = appendText(dst, c, "HTTP_X")
			dst = appendText(dst, c, "\xff")
			return c.appendDictEnd(dst)
		}, map[string]any{"HTTP_HOST": "test", "HTTP_X": "ÿ"}},
		{"empty dict", func(dst []byte, c codec) []byte { return c.appendDictEnd(c.appendDict(dst)) }, map[string]any{}},
	}
}

// latin1 returns the text that has the bytes of s as its code points.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// marshalPythons are the interpreters on PATH by their usual names, and those of HIGHBALL_PYTHONS.
func marshalPythons() []string {
	names := []string{"python3", "python3.13t"}
	for minor := 8; minor <= 14; minor++ {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	for _, name := range strings.Split(os.Getenv("HIGHBALL_PYTHONS"), string(os.PathListSeparator)) {
		if name != "" {
			names = append(names, name)
		}
	}
	var found []string
	seen := make(map[string]bool)
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil && !seen[path] && exec.Command(path, "-c", "").Run() == nil {
			seen[path] = true
			found = append(found, path)
		}
	}
	return found
}

// What the interpreter's own decoder makes of each case is the value that was meant, and its strings are not interned: to
// the interpreter two equal ones are two objects.
func TestMarshalIsUnderstood(t *testing.T) {
	pythons := marshalPythons()
	if len(pythons) == 0 {
		t.Skip("no Python is installed")
	}
	cases := marshalCases()
	var in []byte
	for _, c := range cases {
		blob := c.append(nil, marshalCodec)
		in = binary.LittleEndian.AppendUint32(in, uint32(len(blob)))
		in = append(in, blob...)
	}
	const program = `
import json, marshal, struct, sys
data, out = sys.stdin.buffer.read(), []
while data:
    n, = struct.unpack_from('<I', data)
    blob, data = data[4:4 + n], data[4 + n:]
    value, again = marshal.loads(blob), marshal.loads(blob)
    interned = isinstance(value, str) and len(value) > 1 and value is again
    out.append({'value': value, 'interned': interned})
json.dump(out, sys.stdout)
`
	for _, python := range pythons {
		t.Run(python, func(t *testing.T) {
			cmd := exec.Command(python, "-c", program)
			cmd.Stdin = bytes.NewReader(in)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, stderr.String())
			}
			var results []struct {
				Value    any
				Interned bool
			}
			if err := json.Unmarshal(out, &results); err != nil || len(results) != len(cases) {
				t.Fatalf("%d results of %d, %v: %.200s", len(results), len(cases), err, out)
			}
			for i, c := range cases {
				if diff := cmp.Diff(c.want, results[i].Value); diff != "" {
					t.Errorf("%s, -want +got:\n%s", c.name, diff)
				}
				if results[i].Interned {
					t.Errorf("%s: the interpreter keeps the string for ever", c.name)
				}
			}
		})
	}
}

// TestMarshalCases decodes what TestMarshalIsUnderstood has an interpreter decode with the decoder of these tests, so that
// the latter can be trusted; and the plain codec.
func TestMarshalCases(t *testing.T) {
	for _, c := range marshalCases() {
		got, rest, err := decodeMarshal(c.append(nil, marshalCodec))
		if err != nil || len(rest) > 0 {
			t.Errorf("%s: %v, and %d bytes more", c.name, err, len(rest))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s, -want +got:\n%s", c.name, diff)
		}
	}
	plain := plainCodec.appendTuple(nil, 3)
	plain = appendText(plain, plainCodec, "a\xe9")
	plain = plainCodec.appendNone(plain)
	plain = plainCodec.appendDict(plain)
	plain = plainCodec.appendASCIIStart(plain, 2)
	plain = append(plain, "xy"...)
	plain = plainCodec.appendDictEnd(plain)
	if want := "\x02\x00\x00\x00a\xe9\xff\xff\xff\xff\x02\x00\x00\x00xy"; string(plain) != want {
		t.Errorf("plain: %q, not %q", plain, want)
	}
}

func TestCodecNamed(t *testing.T) {
	for name, want := range map[string]codec{"marshal": marshalCodec, "plain": plainCodec} {
		if c, ok := codecNamed(name); c != want || !ok {
			t.Errorf("%s: %d, %t", name, c, ok)
		}
	}
	if _, ok := codecNamed("pickle"); ok {
		t.Error("pickle is a codec")
	}
}

// Any text comes back as it was, and what precedes it in the buffer is left alone.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ascii := rapid.SliceOf(rapid.ByteRange(0, 0x7f))
		s := string(rapid.OneOf(ascii, rapid.SliceOf(rapid.Byte())).Draw(r, "text"))
		b := appendText([]byte("before"), marshalCodec, s)
		if !bytes.HasPrefix(b, []byte("before")) {
			r.Fatalf("the buffer begins with %q", b[:6])
		}
		got, rest, err := decodeMarshal(b[6:])
		if err != nil || len(rest) > 0 || got != latin1(s) {
			r.Fatalf("%q became %q, %v, and %d bytes more", s, got, err, len(rest))
		}
		if text := appendText(nil, marshalCodec, []byte(s)); !bytes.Equal(text, b[6:]) {
			r.Fatalf("bytes are written as %q, a string as %q", text, b[6:])
		}
	})
}

// decodeMarshal is a decoder of the codes that are allowed, strict and slow.
func decodeMarshal(b []byte) (value any, rest []byte, err error) {
	if len(b) == 0 {
		return nil, nil, fmt.Errorf("nothing to decode")
	}
	code, b := b[0], b[1:]
	length := func(size int) (text string, err error) {
		if len(b) < size {
			return "", fmt.Errorf("code %c without its length", code)
		}
		n := int(b[0])
		if size == 4 {
			n = int(binary.LittleEndian.Uint32(b))
		}
		if b = b[size:]; len(b) < n {
			return "", fmt.Errorf("code %c has %d bytes of %d", code, len(b), n)
		}
		text, b = string(b[:n]), b[n:]
		return text, nil
	}
	switch code {
	case 'N':
		return nil, b, nil
	case 'i':
		if len(b) < 4 {
			return nil, nil, fmt.Errorf("code %c without its value", code)
		}
		return int32(binary.LittleEndian.Uint32(b)), b[4:], nil
	case 'z', 'a':
		size := 1
		if code == 'a' {
			size = 4
		}
		text, err := length(size)
		if err == nil && !isASCII([]byte(text)) {
			err = fmt.Errorf("code %c is not for %q", code, text)
		}
		return text, b, err
	case 'u':
		text, err := length(4)
		return text, b, err
	case ')':
		n := int(b[0])
		b = b[1:]
		list := make([]any, n)
		for i := range list {
			if list[i], b, err = decodeMarshal(b); err != nil {
				return nil, nil, err
			}
		}
		return list, b, nil
	case '{':
		dict := make(map[string]any)
		for len(b) > 0 && b[0] != '0' {
			var key, item any
			if key, b, err = decodeMarshal(b); err != nil {
				return nil, nil, err
			}
			if item, b, err = decodeMarshal(b); err != nil {
				return nil, nil, err
			}
			name, ok := key.(string)
			if _, twice := dict[name]; !ok || twice {
				return nil, nil, fmt.Errorf("the key %v is no string or stands twice", key)
			}
			dict[name] = item
		}
		if len(b) == 0 {
			return nil, nil, fmt.Errorf("a dict without its end")
		}
		return dict, b[1:], nil
	}
	return nil, nil, fmt.Errorf("code %q is not allowed", code)
}
