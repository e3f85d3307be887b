package highball

import "testing"

// What is put into a loop's mail before the loop can be told, as by a client that has waited for the server to listen, is delivered once it can.
func TestMailBeforeItBegins(t *testing.T) {
	var m mail
	taken, posted := 0, 0
	m.deliver = func() { taken += len(m.take()) }
	post := func(f func()) bool {
		posted++
		f()
		return true
	}
	m.put(letter{})
	m.put(letter{})
	m.begin(post)
	if taken != 2 || posted != 1 {
		t.Errorf("%d letters were taken, by %d posts", taken, posted)
	}
	m.put(letter{})
	if taken != 3 || posted != 2 {
		t.Errorf("then %d letters were taken, by %d posts", taken, posted)
	}
	var empty mail
	empty.begin(func(func()) bool {
		t.Error("an empty box was posted")
		return true
	})
}
