package reader

import (
	"bytes"
)

// scanner follows the quotes of one record through its lines.
type scanner struct {
	delim  byte
	fields int    // complete ones; the index of the one that is open
	open   bool   // within quotes
	fault  string // how the quoting is malformed; "" while it is not
}

// scan goes on with one line, given without its line end. It is true when the
// record ends there, false when a quote is open or the quoting is malformed.
func (s *scanner) scan(line []byte) bool {
	for {
		if !s.open && (len(line) == 0 || line[0] != '"') {
			field, rest, more := bytes.Cut(line, []byte{s.delim})
			if bytes.IndexByte(field, '"') >= 0 {
				s.fault = "a quote within an unquoted field"
				return false
			}
			s.fields++
			if !more {
				return true
			}
			line = rest
			continue
		}
		if !s.open {
			s.open = true
			line = line[1:]
		}
		i := bytes.IndexByte(line, '"')
		if i < 0 {
			return false
		}
		line = line[i+1:]
		switch {
		case len(line) == 0:
			s.open = false
			s.fields++
			return true
		case line[0] == '"':
		case line[0] == s.delim:
			s.open = false
			s.fields++
		default:
			s.fault = "a quoted field goes on after its closing quote"
			return false
		}
		line = line[1:]
	}
}
