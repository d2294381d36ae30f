package report

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"testing"

	"github.com/gocarina/gocsv"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"corattach/pipeline"
)

// TestUserLineIsGocsv holds the appended line of users.csv against what gocsv
// makes of the same cells.
func TestUserLineIsGocsv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := pipeline.UserLine{
			User:      pipeline.UserID(rapid.StringOf(rapid.SampledFrom([]rune("ab ,\"'=+-@\té"))).Draw(t, "user")),
			Rows:      rapid.IntRange(0, 1000).Draw(t, "rows"),
			Requested: pipeline.Percent(rapid.Int64Range(0, 1<<40).Draw(t, "requested")),
			Returned:  rapid.SampledFrom([]string{"", "0", "-5", "33.3333"}).Draw(t, "returned"),
			Requests:  rapid.IntRange(0, 1000).Draw(t, "requests"),
			Worst:     rapid.SampledFrom(pipeline.Statuses()).Draw(t, "worst"),
		}
		var slow sheet
		fast := appendUser(nil, &u)
		err := gocsv.MarshalCSVWithoutHeaders([]userRecord{{
			string(u.User), strconv.Itoa(u.Rows), u.Requested.String(), u.Returned,
			strconv.FormatBool(u.OverAllocated), strconv.Itoa(u.Requests), u.Worst.String(),
		}}, &slow)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(slow), string(fast)); diff != "" {
			t.Fatalf("gocsv and the appended line differ:\n%s", diff)
		}
		if fields, err := csv.NewReader(bytes.NewReader(fast)).Read(); err != nil || len(fields) != 7 {
			t.Fatalf("%q is read as %q, %v", fast, fields, err)
		}
	})
}
