package cor

import (
	"testing"

	"go.uber.org/goleak"
)

// No test leaves a goroutine behind: not a renewal, not a connection.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
