package plan

import (
	"encoding/binary"
	"hash/maphash"
	"strings"
)

// column is a list that grows without moving what it holds: millions of rows are
// never copied. The zero value is empty.
type column[T any] struct {
	blocks [][]T
	count  int32
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
	return c.count - 1
}

// at returns the element at a place, to be read or changed.
func (c *column[T]) at(place int32) *T {
	return &c.blocks[place>>blockBits][place&(blockSize-1)]
}

// texts keeps each text once, up to 2 GiB of them, and beside it a number of the
// caller's. Place 0 is that of the empty text. There are no pointers in it that the
// garbage collector would have to follow, one for a block aside.
type texts struct {
	seed   maphash.Seed
	index  map[uint64]int32 // places, by hash; a text whose hash is taken stands at the next key that is not
	blocks []string
	last   *strings.Builder // behind the last of blocks
}

const (
	textBits  = 16
	textBlock = 1 << textBits
	textHead  = 8 // bytes before each text: its length and its number
)

func newTexts() texts {
	t := texts{seed: maphash.MakeSeed(), index: make(map[uint64]int32), last: new(strings.Builder)}
	t.add("", 0)
	return t
}

// find returns the place of a text, or else the key that it is to have.
func (t *texts) find(text string) (place int32, key uint64, found bool) {
	for key = maphash.String(t.seed, text); ; key++ {
		if place, found = t.index[key]; !found || t.at(place) == text {
			return place, key, found
		}
	}
}

// add returns the place of a text, a new one where it has none. The text is copied
// behind the others: it does not keep the record alive that it is a part of. What
// stands in a block is never moved or changed.
func (t *texts) add(text string, number int32) int32 {
	place, key, found := t.find(text)
	if found {
		return place
	}
	size := textHead + len(text)
	if t.last.Cap()-t.last.Len() < size {
		t.last = new(strings.Builder)
		t.last.Grow(max(textBlock, size))
		t.blocks = append(t.blocks, "")
	}
	place = int32((len(t.blocks)-1)<<textBits | t.last.Len())
	head := binary.LittleEndian.AppendUint32(make([]byte, 0, textHead), uint32(len(text)))
	t.last.Write(binary.LittleEndian.AppendUint32(head, uint32(number)))
	t.last.WriteString(text)
	t.blocks[len(t.blocks)-1] = t.last.String()
	t.index[key] = place
	return place
}

// at returns the text at a place.
func (t *texts) at(place int32) string {
	kept := t.blocks[place>>textBits][place&(textBlock-1):]
	return kept[textHead:][:binary.LittleEndian.Uint32([]byte(kept[:4]))]
}

// number returns the number beside the text at a place.
func (t *texts) number(place int32) int32 {
	kept := t.blocks[place>>textBits][place&(textBlock-1):]
	return int32(binary.LittleEndian.Uint32([]byte(kept[4:8])))
}
