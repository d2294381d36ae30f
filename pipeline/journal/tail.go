package journal

import (
	"bytes"
	"io"
	"os"
)

// LastEnd returns the end of a journal's last session without reading what
// stands before it; nil when the last record is no whole end, as after a crash.
// It does not tell whether the rest of the file is what was written.
func LastEnd(path string) (*End, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	tail, err := io.ReadAll(io.NewSectionReader(file, max(0, info.Size()-tailSize), tailSize))
	if err != nil || len(tail) == 0 {
		return nil, err
	}
	begin := bytes.LastIndexByte(tail[:len(tail)-1], '\n') + 1
	r, reason := parse(tail[begin:])
	if reason != "" || r.Type != typeFinish {
		return nil, nil
	}
	return r.End, nil
}
