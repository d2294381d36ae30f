package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"corattach/pipeline"
)

// MarshalJSON writes total and every status, 0 where there is none, in the order
// of pipeline.Statuses.
func (c Counts) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"total":%d`, c.Total)
	for _, status := range pipeline.Statuses() {
		fmt.Fprintf(&b, `,%q:%d`, status, c.ByStatus[status])
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads what MarshalJSON writes. Words that are no status are
// ignored.
func (c *Counts) UnmarshalJSON(text []byte) error {
	var words map[string]int64
	if err := json.Unmarshal(text, &words); err != nil {
		return err
	}
	c.Total, c.ByStatus = words["total"], map[pipeline.Status]int64{}
	for _, status := range pipeline.Statuses() {
		if n := words[string(status)]; n != 0 {
			c.ByStatus[status] = n
		}
	}
	return nil
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

// words names the statuses of a list that any row has: "2 rows failed, 1 held".
// It is "" when no row has one of them.
func (c *Counts) words(statuses ...pipeline.Status) string {
	var parts []string
	for _, status := range statuses {
		n := c.ByStatus[status]
		if n == 0 {
			continue
		}
		word := strings.ReplaceAll(string(status), "_", " ")
		if len(parts) == 0 {
			parts = append(parts, pipeline.Count(n, "row")+" "+word)
		} else {
			parts = append(parts, fmt.Sprintf("%d %s", n, word))
		}
	}
	return strings.Join(parts, ", ")
}
