package main

import (
	"bytes"
	"context"
	"errors"
	"testing"
)

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// Help that was not written was not given.
func TestWordsThatAreLost(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"version"}, {"--version"}, {"completion", "bash"}, {"man"}} {
		var said bytes.Buffer
		if status := run(context.Background(), args, stdio{full{}, &said}, nil); status != exitFailure {
			t.Errorf("%s: status %d", args, status)
		}
		if want := "highball: no space left on device\n"; said.String() != want {
			t.Errorf("%s: said %q", args, &said)
		}
	}
}
