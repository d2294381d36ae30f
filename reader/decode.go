package reader

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

// headLength is how much of a file is looked at to tell what it is.
const headLength = 64 << 10

// zstdWindow bounds what an archive may make the decoder hold. zstd needs 8 MiB
// up to level 19.
const zstdWindow = 64 << 20

// CheckEncoding reports an encoding that Options can't name. "", "auto" and all
// names of UTF-8 are accepted, beside the character sets of IANA and the labels
// of the WHATWG that x/text knows.
func CheckEncoding(name string) error {
	_, err := namedEncoding(name)
	return err
}

// namedEncoding returns nil for text that is taken as it stands: UTF-8, and
// ASCII, in which what is not ASCII is then no valid UTF-8. IANA's names go
// first: for the WHATWG iso-8859-1 is windows-1252, and so is ASCII.
func namedEncoding(name string) (encoding.Encoding, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "auto", "utf8", "ascii", "us-ascii":
		return nil, nil
	}
	found, err := ianaindex.IANA.Encoding(name)
	if err != nil || found == nil {
		found, err = htmlindex.Get(name)
	}
	if err != nil || found == nil || found == encoding.Replacement {
		return nil, fmt.Errorf("unknown encoding %q", name)
	}
	if canonical, err := ianaindex.IANA.Name(found); err == nil && canonical == "UTF-8" {
		return nil, nil
	}
	return found, nil
}

// archive unpacks a file, and says of its failures what became of the archive.
type archive struct {
	kind string
	io.ReadCloser
}

// unpack returns the file's content, out of its archive if it is one. The
// closer must be closed.
func unpack(raw *bufio.Reader) (*bufio.Reader, io.Closer, error) {
	head, err := peek(raw)
	if err != nil {
		return nil, nil, err
	}
	a := archive{}
	switch mimetype.Detect(head).String() {
	case gzipType:
		a.kind = "gzip"
		a.ReadCloser, err = gzip.NewReader(raw)
	case zstdType:
		a.kind = "zstd"
		var d *zstd.Decoder
		d, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		a.ReadCloser = d.IOReadCloser()
	default:
		return raw, io.NopCloser(nil), nil
	}
	if err != nil {
		return nil, nil, a.damaged(err)
	}
	return bufio.NewReaderSize(a, frameWindow), a, nil
}

func (a archive) Read(p []byte) (int, error) {
	n, err := a.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = a.damaged(err)
	}
	return n, err
}

func (a archive) damaged(err error) error {
	const again = "fetch or pack the file again"
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse("a cut "+a.kind+" archive", again)
	}
	return refuse(fmt.Sprintf("a damaged %s archive (%v)", a.kind, err), again)
}

// peek returns what r begins with, at most headLength bytes.
func peek(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(headLength)
	if err == io.EOF {
		err = nil
	}
	return head, err
}

// decode returns content, which begins with head, as UTF-8 without a byte order
// mark. A mark wins over the name of an encoding.
func decode(content *bufio.Reader, head []byte, name string) (*bufio.Reader, error) {
	from, err := namedEncoding(name)
	mark := 0
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		from, mark = nil, 3
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		from, mark = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		from, mark = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	case err != nil:
		return nil, err
	}
	if _, err := content.Discard(mark); from == nil || err != nil {
		return content, err
	}
	return bufio.NewReaderSize(from.NewDecoder().Reader(content), frameWindow), nil
}
