package gateway

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// takenFrame is a frame with DATA of one frame put together again.
type takenFrame struct {
	Kind       byte
	ID         uint32
	Head, Body string
}

// feedCuts feeds b cut at the given places, and returns the frames. Parts of DATA with the same id become one.
func feedCuts(b []byte, cuts ...int) (got []takenFrame, err error) {
	var f frames
	start := 0
	for _, cut := range append(cuts, len(b)) {
		// The bytes change once feed has returned, as those of a read buffer do.
		part := bytes.Clone(b[start:cut])
		start = cut
		err = f.feed(part, func(fr frame) {
			if last := len(got) - 1; fr.kind == dataFrame && last >= 0 && got[last].Kind == dataFrame && got[last].ID == fr.id {
				got[last].Body += string(fr.body)
				return
			}
			got = append(got, takenFrame{fr.kind, fr.id, string(fr.head), string(fr.body)})
		})
		clear(part)
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// conversation is one frame of every kind that a worker sends.
func conversation() (b []byte, want []takenFrame) {
	add := func(kind byte, id uint32, head, body string) {
		b = appendFrame(b, kind, 0, id, []byte(head), []byte(body))
		want = append(want, takenFrame{kind, id, head, body})
	}
	add(readyFrame, 0, "", `{"pid": 1}`)
	add(wholeFrame, 7, "200 OK\r\n", "hello")
	add(wholeFrame, 8, "204 No Content\r\n", "")
	add(headFrame, 9, "200 OK\r\n", "first")
	add(dataFrame, 9, "", strings.Repeat("more", 10))
	add(dataFrame, 10, "", "")
	add(endFrame, 9, "", "")
	add(fileFrame, 11, "200 OK\r\n", string(make([]byte, 16)))
	add(failFrame, 12, "", "{}")
	add(loadFailFrame, 0, "", "{}")
	add(filesFrame, 0, "", "[]")
	add(forkedFrame, 2, "", "{}")
	add(exitedFrame, math.MaxUint32, "", "{}")
	add(sharedFrame, 13, "200 OK\r\n", "\x00\x20\x00\x00")
	return b, want
}

func TestFramesWholeAndByteByByte(t *testing.T) {
	b, want := conversation()
	var each []int
	for i := 1; i < len(b); i++ {
		each = append(each, i)
	}
	for name, cuts := range map[string][]int{"whole": nil, "byte by byte": each} {
		got, err := feedCuts(b, cuts...)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
	for i := range b {
		got, err := feedCuts(b, i)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("cut at %d: %v, -want +got:\n%s", i, err, diff)
		}
	}
}

// A DATA frame is handed on as it comes: nothing of it is kept.
func TestFramesDataIsNotKept(t *testing.T) {
	var f frames
	b := appendFrame(nil, dataFrame, 0, 3, nil, make([]byte, maxPart))
	got := 0
	for len(b) > 0 {
		n := min(len(b), 1000)
		if err := f.feed(b[:n], func(fr frame) { got += len(fr.body) }); err != nil {
			t.Fatal(err)
		}
		b = b[n:]
		if cap(f.partial) > frameHeader {
			t.Fatalf("%d bytes are kept", cap(f.partial))
		}
	}
	if got != maxPart {
		t.Errorf("%d bytes of %d", got, maxPart)
	}
}

func TestFramesGiveBackLargeBuffers(t *testing.T) {
	var f frames
	b := appendFrame(nil, filesFrame, 0, 0, nil, make([]byte, maxMessage))
	n := 0
	for _, part := range [][]byte{b[:100], b[100:]} {
		if err := f.feed(part, func(fr frame) { n += len(fr.body) }); err != nil {
			t.Fatal(err)
		}
	}
	if n != maxMessage || cap(f.partial) > 2*maxWhole {
		t.Errorf("%d bytes of %d, and a buffer of %d is kept", n, maxMessage, cap(f.partial))
	}
}

func TestFramesRefuse(t *testing.T) {
	tests := []struct {
		name string
		head []byte
		want string
	}{
		{"an unknown kind", appendHeader(nil, 13, 0, 1, 0, 0), "unknown kind 13"},
		{"kind 0", appendHeader(nil, 0, 0, 1, 0, 0), "unknown kind 0"},
		{"flags", appendHeader(nil, endFrame, 1, 1, 0, 0), "unknown flags"},
		{"what is reserved", append(appendHeader(nil, endFrame, 0, 1, 0, 0)[:14], 0, 1), "unknown flags"},
		{"WHOLE that is too large", appendHeader(nil, wholeFrame, 0, 1, 0, maxWhole+1), "262145 bytes"},
		{"HEAD that is too large", appendHeader(nil, headFrame, 0, 1, 0, maxPart+1), "1048577 bytes"},
		{"HEAD with a large head", appendHeader(nil, headFrame, 0, 1, maxHead+1, maxPart), "262145 of them head"},
		{"DATA that is too large", appendHeader(nil, dataFrame, 0, 1, 0, maxPart+1), "1048577 bytes"},
		{"DATA with a head", appendHeader(nil, dataFrame, 0, 1, 1, 1), "1 of them head"},
		{"END with a payload", appendHeader(nil, endFrame, 0, 1, 0, 1), "1 bytes"},
		{"FILES that are too large", appendHeader(nil, filesFrame, 0, 1, 0, maxMessage+1), "4194305 bytes"},
		{"a head larger than its frame", appendHeader(nil, wholeFrame, 0, 1, 6, 5), "6 of them head"},
		{"sizes beyond 31 bits", appendHeader(nil, wholeFrame, 0, 1, math.MaxUint32, math.MaxUint32), "4294967295 bytes"},
		{"FILE without its part", appendHeader(nil, fileFrame, 0, 1, 5, 20), "a body of 15 bytes"},
		{"SHARED without its size", appendHeader(nil, sharedFrame, 0, 1, 5, 8), "a body of 3 bytes"},
		{"SHARED with a large head", appendHeader(nil, sharedFrame, 0, 1, maxHead+1, maxHead+5), "262145 of them head"},
	}
	good := appendFrame(nil, endFrame, 0, 1, nil, nil)
	for _, test := range tests {
		for _, cut := range []int{0, 1, 15, 16} {
			var f frames
			count := 0
			all := append(bytes.Clone(good), test.head...)
			all = append(all, good...)
			err := f.feed(all[:len(good)+cut], func(frame) { count++ })
			if err == nil {
				err = f.feed(all[len(good)+cut:], func(frame) { count++ })
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, cut at %d: error %v, without %q", test.name, cut, err, test.want)
			}
			if count != 1 {
				t.Errorf("%s, cut at %d: %d frames, not the one before it", test.name, cut, count)
			}
			if again := f.feed(good, func(frame) { count++ }); !errors.Is(again, err) || count != 1 {
				t.Errorf("%s: goes on after the error: %v", test.name, again)
			}
		}
	}
}

func TestFilePart(t *testing.T) {
	tests := []struct {
		start          uint64
		n              int64
		offset, length int64
		ok             bool
	}{
		{0, -1, 0, -1, true},
		{5, 0, 5, 0, true},
		{1 << 40, 7, 1 << 40, 7, true},
		{math.MaxInt64, -1, math.MaxInt64, -1, true},
		{math.MaxInt64, 1, 0, 0, false},
		{math.MaxInt64 + 1, 0, 0, 0, false},
		{0, -2, 0, 0, false},
		{1, math.MaxInt64, 0, 0, false},
	}
	for _, test := range tests {
		body := binary.LittleEndian.AppendUint64(nil, test.start)
		f := frame{body: binary.LittleEndian.AppendUint64(body, uint64(test.n))}
		offset, length, err := f.filePart()
		if offset != test.offset || length != test.length || (err == nil) != test.ok {
			t.Errorf("%d and %d: %d, %d, %v", test.start, test.n, offset, length, err)
		}
	}
}

// The layout is what the worker's struct.Struct("<IIIBBxx") reads.
func TestAppendFrame(t *testing.T) {
	want := "\x05\x00\x00\x00\x04\x03\x02\x01\x02\x00\x00\x00\x01\x01\x00\x00" + "envbo"
	got := appendFrame([]byte("before"), requestFrame, flagBodyFile, 0x01020304, []byte("en"), []byte("vbo"))
	if string(got) != "before"+want {
		t.Errorf("%q, not %q", got, want)
	}
	b := append(appendHeader([]byte("before"), requestFrame, flagBodyFile, 0x01020304, 0, 0), "envbo"...)
	setSizes(b[6:], 2)
	if string(b) != "before"+want {
		t.Errorf("with sizes set later %q, not %q", b, want)
	}
}

// However the bytes are cut, the frames are the same, and so is the error.
func FuzzFrames(f *testing.F) {
	b, _ := conversation()
	f.Add(b, uint16(3), uint16(20))
	f.Add(b[:40], uint16(16), uint16(17))
	f.Add(appendHeader(nil, wholeFrame, 0, 1, 9, 8), uint16(1), uint16(2))
	f.Fuzz(func(t *testing.T, b []byte, i, j uint16) {
		first, second := min(int(i), len(b)), min(int(j), len(b))
		if first > second {
			first, second = second, first
		}
		want, wantErr := feedCuts(b)
		got, err := feedCuts(b, first, second)
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("error %v cut at %d and %d, %v whole", err, first, second, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut at %d and %d, -whole +cut:\n%s", first, second, diff)
		}
	})
}

func TestFramesDoNotAllocate(t *testing.T) {
	b := appendFrame(nil, wholeFrame, 0, 7, []byte("200 OK\r\n"), []byte("hello"))
	b = appendFrame(b, dataFrame, 0, 7, nil, make([]byte, 100))
	var f frames
	count := 0
	each := func(frame) { count++ }
	n := testing.AllocsPerRun(100, func() {
		for _, part := range [][]byte{b, b[:20], b[20:90], b[90:]} {
			if err := f.feed(part, each); err != nil {
				t.Fatal(err)
			}
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFrames(b *testing.B) {
	one := appendFrame(nil, wholeFrame, 0, 7, []byte("200 OK\r\nContent-Type: text/plain\r\n"), []byte("hello, world"))
	var f frames
	count := 0
	each := func(frame) { count++ }
	b.ReportAllocs()
	for b.Loop() {
		if err := f.feed(one, each); err != nil {
			b.Fatal(err)
		}
	}
}
