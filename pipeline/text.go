package pipeline

import "fmt"

// Count writes a number and its noun, with an s unless it is one: "1 row".
func Count[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
