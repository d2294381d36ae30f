package reader

import (
	"bufio"
	"bytes"
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

const (
	headLength = 64 << 10 // of a file, to tell what it is
	zstdWindow = 64 << 20 // bounds what an archive may make the decoder hold: zstd needs 8 MiB up to level 19
)

// namedEncoding returns nil for text that is taken as it stands: where none is named,
// and for ASCII, in which what is not ASCII is then no valid UTF-8. IANA's names go
// first: for the WHATWG iso-8859-1 is windows-1252, and so is ASCII.
func namedEncoding(name string) (encoding.Encoding, error) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "", "auto", "ascii", "us-ascii":
		return nil, nil
	}
	found, err := ianaindex.IANA.Encoding(name)
	if err != nil || found == nil {
		found, err = htmlindex.Get(name)
	}
	if err != nil || found == nil || found == encoding.Replacement {
		return nil, fmt.Errorf("unknown encoding %q", name)
	}
	return found, nil
}

// archive unpacks a file, and says of its failures what became of the archive.
type archive struct {
	*reading
	kind string
	io.ReadCloser
}

// unpack returns the content of a file that begins with head, out of its archive if it
// is one. The closer must be closed.
func (r *reading) unpack(raw *bufio.Reader, head []byte) (*bufio.Reader, io.Closer, error) {
	var err error
	a := archive{reading: r, kind: strings.TrimPrefix(mimetype.Detect(head).String(), "application/")}
	switch a.kind {
	case "gzip":
		a.ReadCloser, err = gzip.NewReader(raw)
	case "zstd":
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
	return a.refuse(0, fmt.Sprintf("a cut or damaged %s archive (%v)", a.kind, err), "fetch or pack the file again")
}

// decode returns content, which begins with head, as UTF-8 without a byte order
// mark. A mark wins over the name of an encoding.
func decode(content *bufio.Reader, head []byte, name string) *bufio.Reader {
	from, _ := namedEncoding(name) // Check has accepted it
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = content.Discard(3) // it is in head
		return content
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		from = unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	case from == nil || from == unicode.UTF8: // whose decoder would replace what is no UTF-8
		return content
	}
	return bufio.NewReaderSize(from.NewDecoder().Reader(content), frameWindow)
}

// refuseFormat tells by the beginning of a file what is no CSV; nil for what may be
// one.
func (r *reading) refuseFormat(head []byte) error {
	const saveAs, export = "save it as CSV (UTF-8) and import that", "export the table as CSV"
	for kind := mimetype.Detect(head); kind.Parent() != nil; kind = kind.Parent() {
		for _, format := range [][3]string{ // the beginning of a MIME type, what it is, what to do
			{"application/vnd.openxmlformats-officedocument.spreadsheetml", "an Excel workbook", saveAs},
			{"application/vnd.oasis.opendocument", "an OpenDocument file", saveAs},
			{"application/x-ole-storage", "an old Excel workbook (.xls) or another OLE document", saveAs},
			{"application/zip", "a zip archive or an Office document", "save a spreadsheet as CSV (UTF-8); unpack an archive"},
			{"text/html", "an HTML page", "a login or error page is often saved in place of the export: fetch the file again"},
			{"application/json", "JSON", export},
			{"application/x-ndjson", "JSON", export},
			{"text/xml", "XML", export},
			{"application/", "a file of the type " + kind.String(), "import the CSV file itself; unpack an archive"},
			{"image/", "a file of the type " + kind.String(), "import the CSV file itself"},
			{"text/rtf", "a file of the type text/rtf", saveAs},
		} {
			if strings.HasPrefix(kind.String(), format[0]) {
				return r.refuse(0, format[1]+", not a CSV", format[2])
			}
		}
	}
	return nil
}
