package journal

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
)

// ReadHeader reads the first record of a journal and nothing else. Its errors are
// those of Read.
func ReadHeader(path string) (Header, error) {
	file, err := os.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer file.Close()
	s := scan{path: path}
	r, err := s.next(bufio.NewReader(file))
	switch err {
	case nil:
		return decodeHeader(path, &r)
	case io.EOF:
		err = fmt.Errorf("%s: %w", path, ErrUnbegun)
	}
	return Header{}, err
}

// tailSize is how many bytes of a journal's end LastEnd looks at. An end is much
// shorter.
const tailSize = 64 << 10

// LastEnd returns the end of a journal's last session without reading what stands
// before it, and the size of the file in bytes. The end is nil when the last
// record is no whole end: the run is active, or it was killed.
func LastEnd(path string) (end *End, size int64, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	size = info.Size()
	from := max(0, size-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(file, from, size-from))
	if err != nil || len(tail) == 0 {
		return nil, size, err
	}
	last := tail[bytes.LastIndexByte(tail[:len(tail)-1], '\n')+1:]
	h, data, why := unseal(last)
	if why != "" || h.Type != finishRecord {
		return nil, size, nil
	}
	end, err = unmarshal[*End](path, &record{h, span{size - int64(len(last)), size}, data})
	return end, size, err
}
