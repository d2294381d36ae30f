package reader

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
)

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

// unpack returns the file's content, out of its archive if it is one. The
// result must be closed.
func unpack(raw *bufio.Reader) (*bufio.Reader, io.Closer, error) {
	kind, err := sniffArchive(raw)
	if err != nil || kind == "" {
		return raw, io.NopCloser(nil), err
	}
	content, err := openArchive(kind, raw)
	if err != nil {
		return nil, nil, err
	}
	unpacked := bufio.NewReaderSize(content, frameWindow)
	inner, err := sniffArchive(unpacked)
	if err == nil && inner != "" {
		err = refuse(fmt.Sprintf("compressed twice (%s within %s)", inner, kind), "unpack it once")
	}
	if err != nil {
		content.Close()
		return nil, nil, err
	}
	return unpacked, content, nil
}

// sniffArchive returns gzip, zstd or "".
func sniffArchive(r *bufio.Reader) (string, error) {
	head, err := r.Peek(len("\x28\xb5\x2f\xfd"))
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "gzip", nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")),
		len(head) == 4 && head[0]&0xf0 == 0x50 && string(head[1:]) == "\x2a\x4d\x18":
		return "zstd", nil
	case err != nil && err != io.EOF:
		return "", err
	}
	return "", nil
}

// archive unpacks one, and says of its failures what became of the archive.
type archive struct {
	kind string
	io.Reader
	close func()
}

func openArchive(kind string, raw io.Reader) (*archive, error) {
	if kind == "gzip" {
		r, err := gzip.NewReader(raw)
		if err != nil {
			return nil, damaged(kind, err)
		}
		return &archive{kind, r, func() { r.Close() }}, nil
	}
	r, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
	if err != nil {
		return nil, damaged(kind, err)
	}
	return &archive{kind, r, r.Close}, nil
}

func (a *archive) Read(p []byte) (int, error) {
	n, err := a.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = damaged(a.kind, err)
	}
	return n, err
}

func (a *archive) Close() error {
	a.close()
	return nil
}

func damaged(kind string, err error) error {
	const again = "fetch or pack the file again"
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return refuse("a cut "+kind+" archive", again)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse("a zstd archive with a window over 64 MiB", "pack it again without --long or --ultra")
	}
	return refuse(fmt.Sprintf("a damaged %s archive (%v)", kind, err), again)
}

// decode returns content as UTF-8 without a byte order mark. The second result
// tells whether it came from another encoding.
func decode(content *bufio.Reader, name string) (*bufio.Reader, bool, error) {
	raw, err := content.Peek(sniffLength)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	head := raw
	if bytes.HasPrefix(head, []byte("PK")) {
		head, _ = content.Peek(zipLength)
	}
	if refused := refuseBinary(head); refused != nil {
		return nil, false, refused
	}
	from, mark, err := encodingOf(raw, name)
	if err != nil {
		return nil, false, err
	}
	if mark > 0 {
		name = ""
	}
	if raw = bytes.Clone(raw); mark > 0 {
		raw = nil // UTF-16 by its mark: its NUL bytes tell nothing
	}
	if _, err := content.Discard(mark); err != nil {
		return nil, false, err
	}
	text := content
	if from != nil {
		text = bufio.NewReaderSize(from.NewDecoder().Reader(content), frameWindow)
	}
	start, err := text.Peek(sniffLength)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	if from == nil {
		name = ""
	}
	if refused := refuseNUL(start, raw, name); refused != nil {
		return nil, false, refused
	}
	return text, from != nil, nil
}

// encodingOf returns the encoding of the text that begins with head, nil for
// UTF-8, and how long its byte order mark is. A mark wins over the name.
func encodingOf(head []byte, name string) (encoding.Encoding, int, error) {
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return nil, 3, nil
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return nil, 0, refuse("UTF-32 text, not a CSV in UTF-8 or UTF-16", "save it as UTF-8")
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2, nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2, nil
	}
	named, err := namedEncoding(name)
	return named, 0, err
}
