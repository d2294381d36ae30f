package pipeline

import "fmt"

// Parts of reasons by which the advice on a row is found: a row is kept with the
// text of its reason alone.
const (
	// NotUTF8 and DecimalComma stand behind the cell of an invalid row.
	NotUTF8      = "is not valid UTF-8; name the encoding of the file with --encoding"
	DecimalComma = "has a decimal comma, which only --decimal-comma accepts"

	// OneAtCOR begins the reason of a mismatched row that another id of the input
	// overwrites.
	OneAtCOR = "at COR this is the same user and workspace as"
)

// Count writes a number and its noun, with an s unless it is one: "1 row".
func Count[N int | int64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
