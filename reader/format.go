package reader

import (
	"bytes"
	"slices"
	"strings"

	"github.com/gabriel-vasile/mimetype"
)

const (
	saveAsCSV   = "save it as CSV (UTF-8) and import that"
	exportCSV   = "export the table as CSV"
	unpackFirst = "unpack it and import the CSV in it"
	packAnother = "unpack it, or pack it with gzip or zstd"
	unpackOnce  = "unpack it once"
	itself      = "import the CSV file itself"

	gzipType = "application/gzip"
	zstdType = "application/zstd"
)

// format is what a file can be that is no CSV.
type format struct{ mime, name, hint string }

// formats returns the formats that people give in place of a CSV, by the beginning
// of their MIME type.
func formats() []format {
	return []format{
		{"application/vnd.openxmlformats-officedocument.spreadsheetml", "an Excel workbook", saveAsCSV},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml", "a Word document", saveAsCSV},
		{"application/vnd.oasis.opendocument", "an OpenDocument file", saveAsCSV},
		{"application/x-ole-storage", "an old Excel workbook (.xls) or another OLE document", saveAsCSV},
		{"application/pdf", "a PDF document", "export the table as CSV where the PDF came from"},
		{"application/zip", "a zip archive or an Office document", "save a spreadsheet as CSV (UTF-8); unpack an archive"},
		{gzipType, "a gzip archive within another archive", unpackOnce},
		{zstdType, "a zstd archive within another archive", unpackOnce},
		{"application/x-bzip2", "a bzip2 archive", packAnother},
		{"application/x-xz", "an xz archive", packAnother},
		{"application/x-7z-compressed", "a 7z archive", unpackFirst},
		{"application/vnd.rar", "a RAR archive", unpackFirst},
		{"application/x-tar", "a tar archive", unpackFirst},
		{"application/vnd.apache.parquet", "a Parquet file", exportCSV},
		{"application/vnd.sqlite3", "an SQLite database", exportCSV},
		{"application/x-msaccess", "an Access database", exportCSV},
		{"image/", "an image", itself},
		{"text/rtf", "an RTF document", saveAsCSV},
		{"text/html", "an HTML page", "a login or error page is often saved in place of the export: fetch the file again"},
		{"application/json", "JSON", exportCSV},
		{"application/x-ndjson", "JSON", exportCSV},
		{"text/xml", "XML", exportCSV},
		{"application/", "a file of another kind", itself},
	}
}

// formatOf returns the format of a file that begins with head; nil when it is none
// of those.
func formatOf(head []byte) *format {
	table := formats()
	for kind := mimetype.Detect(head); kind.Parent() != nil; kind = kind.Parent() {
		i := slices.IndexFunc(table, func(f format) bool { return strings.HasPrefix(kind.String(), f.mime) })
		if i >= 0 {
			return &table[i]
		}
	}
	return nil
}

func (f *format) refuse() *RefusedError { return refuse(f.name+", not a CSV", f.hint) }

// refuseFirstLine tells by the first line of text what can't be lines of a CSV;
// nil for what may be.
func refuseFirstLine(text []byte) *RefusedError {
	line, _, _ := bytes.Cut(bytes.TrimLeft(text, " \t\r\n"), []byte("\n"))
	encoding := "utf-16le"
	if bytes.HasPrefix(text, []byte{0}) {
		encoding = "utf-16be"
	}
	switch {
	case bytes.IndexByte(line, 0) >= 0:
		return refuse("has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16",
			"if it is UTF-16 without a byte order mark, name that: --encoding "+encoding)
	case bytes.IndexByte(bytes.TrimRight(line, "\r"), '\r') >= 0:
		return refuse("its lines end with CR alone", "save it with LF or CRLF line ends")
	}
	return nil
}
