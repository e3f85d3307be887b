//go:build linux

package gateway

import (
	"strings"
	"testing"
)

// A worker finds the body of a request in its slot, and puts a long body of an answer there, if it has one.
func TestWorkerArena(t *testing.T) {
	eachPython(t, func(t *testing.T, python string) {
		for _, threads := range []int{1, 3} {
			config := rigConfig(t, "spec:app")
			config.Slot, config.Threads = slotSize, threads
			r := readyRig(t, python, config)
			for _, test := range []struct {
				path   string
				size   int
				kinds  string
				inSlot bool
			}{
				{"/echo", 1, "WHOLE", true},
				{"/echo", 1, "WHOLE", false},
				{"/echo", slotLeast - 1, "WHOLE", true},
				{"/echo", slotLeast, "SHARED", true},
				{"/echo", slotLeast, "SHARED", false},
				{"/echo", 100_000, "SHARED", true},
				{"/echo-declared", 100_000, "SHARED", true},
				{"/echo-generated", 100_000, "SHARED", true},
				{"/echo-yielded", 100_000, "HEAD END", true},
				{"/echo-twice", 50_000, "SHARED", true},
				{"/echo", maxWhole, "SHARED", true},
				{"/echo-generated", maxWhole + 1, "SHARED", true},
				{"/echo", slotSize, "SHARED", true},
				{"/echo", slotSize + 1, "FILE", false},
			} {
				for n, s := range []slot{1, 7, arenaSlots} {
					body := strings.Repeat(string("abc"[n]), test.size)
					a := r.ask(rigReq{path: test.path, body: body, slot: s, inSlot: test.inSlot})
					want := body
					if test.path == "/echo-twice" {
						want += body
					}
					if a.kinds != test.kinds || a.body != want || a.status != "200 OK" {
						t.Errorf("%s with %d bytes in slot %d, %t, %d threads: %s %s with %d bytes", test.path, test.size, s, test.inSlot, threads,
							a.kinds, a.status, len(a.body))
					}
				}
			}
			if a := r.ask(rigReq{path: "/echo", body: strings.Repeat("x", slotLeast), method: "HEAD", slot: 2}); a.kinds != "WHOLE" || a.body != "" {
				t.Errorf("HEAD: %+v", a)
			}
			if a := r.ask(rigReq{path: "/echo", body: strings.Repeat("x", slotLeast)}); a.kinds != "WHOLE" {
				t.Errorf("without a slot: %s", a.kinds)
			}
			if a := r.ask(rigReq{path: "/input-iterates", body: "one\ntwo", slot: 2, inSlot: true}); a.body != `[b'one\n', b'two']` {
				t.Errorf("lines: %s", a.body)
			}
		}
	})
}

// One that cannot map the memory says so, and uses none.
func TestWorkerWithoutArena(t *testing.T) {
	for name, slot := range map[string]int{"there is none": 0, "it cannot be mapped": slotSize} {
		config := rigConfig(t, "spec:app")
		config.Slot = slot
		var env []string
		if slot > 0 {
			env = append(env, "PYTHONPATH="+siteThatRefusesToMap(t))
		}
		r := startRig(t, python3(t), config, env...)
		var told ready
		r.want(rigReady).decode(t, &told)
		if told.Arena {
			t.Errorf("%s: the worker shares it", name)
		}
		if a := r.ask(rigReq{path: "/echo", body: strings.Repeat("x", slotLeast)}); a.kinds != "WHOLE" {
			t.Errorf("%s: %s", name, a.kinds)
		}
	}
}
