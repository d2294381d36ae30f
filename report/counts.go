package report

import (
	"encoding/json"
	"fmt"
	"strings"

	"corattach/pipeline"
)

// Counts are the rows of a run by status.
type Counts struct {
	Total    int64
	ByStatus map[pipeline.Status]int64
}

// MarshalJSON writes total and every status, 0 where there is none, in the order
// of pipeline.Statuses.
func (c Counts) MarshalJSON() ([]byte, error) {
	text := fmt.Appendf(nil, `{"total":%d`, c.Total)
	for _, status := range pipeline.Statuses() {
		text = fmt.Appendf(text, `,%q:%d`, status, c.ByStatus[status])
	}
	return append(text, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Counts) UnmarshalJSON(text []byte) error {
	err := json.Unmarshal(text, &c.ByStatus)
	c.Total = c.ByStatus["total"]
	delete(c.ByStatus, "total")
	return err
}

// String returns the statuses that any row has: "1 matched + 3 failed".
func (c Counts) String() string {
	var parts []string
	for _, status := range pipeline.Statuses() {
		if n := c.ByStatus[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, status))
		}
	}
	return strings.Join(parts, " + ")
}
