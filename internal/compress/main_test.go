package compress

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when a test leaves a goroutine behind, which an encoder might have started.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
