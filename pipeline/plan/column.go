package plan

import "strings"

// column is a list that grows without moving what it holds: millions of rows are
// never copied. The zero value is empty.
type column[T any] struct {
	blocks [][]T
	count  int
}

const (
	blockBits = 14
	blockSize = 1 << blockBits
)

// add appends an element and returns its place.
func (c *column[T]) add(element T) int32 {
	if c.count%blockSize == 0 {
		c.blocks = append(c.blocks, make([]T, 0, blockSize))
	}
	last := len(c.blocks) - 1
	c.blocks[last] = append(c.blocks[last], element)
	c.count++
	return int32(c.count - 1)
}

// at returns the element at a place, to be read or changed.
func (c *column[T]) at(place int32) *T {
	return &c.blocks[place>>blockBits][place&(blockSize-1)]
}

// texts keeps each text once, many in one block of memory. Place 0 is the empty
// text.
type texts struct {
	index map[string]int32
	list  column[string]
	block *strings.Builder // of the latest texts
}

const textBlock = 64 << 10

func newTexts() texts {
	t := texts{index: make(map[string]int32), block: new(strings.Builder)}
	t.add("")
	return t
}

// add returns the place of a text, a new one where it has none. The text is
// copied: it does not keep the record alive that it is a part of.
func (t *texts) add(text string) int32 {
	place, found := t.index[text]
	if !found {
		text = t.copy(text)
		place = t.list.add(text)
		t.index[text] = place
	}
	return place
}

// copy returns a text that stands behind the others in a block. What stands there is
// never moved or changed.
func (t *texts) copy(text string) string {
	if t.block.Cap()-t.block.Len() < len(text) {
		t.block = new(strings.Builder)
		t.block.Grow(max(textBlock, len(text)))
	}
	start := t.block.Len()
	t.block.WriteString(text)
	return t.block.String()[start:]
}

func (t *texts) at(place int32) string { return *t.list.at(place) }

// cells keeps the cells of one column of the input, and for each of them what it
// means: several cells may mean one id, such as "W1" and " W1".
type cells[T any] struct {
	texts
	meanings column[T]
	unknown  T
}

func newCells[T any](unknown T) cells[T] {
	c := cells[T]{texts: newTexts(), unknown: unknown}
	c.meanings.add(unknown)
	return c
}

// add returns the place of a cell, whose meaning is unknown when it is new.
func (c *cells[T]) add(cell string) int32 {
	place := c.texts.add(cell)
	if int(place) == c.meanings.count {
		c.meanings.add(c.unknown)
	}
	return place
}

// meaning returns what a cell means, to be read or changed.
func (c *cells[T]) meaning(place int32) *T { return c.meanings.at(place) }
