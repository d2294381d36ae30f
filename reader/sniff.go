package reader

import (
	"bytes"
	"fmt"
	"strings"
)

const (
	sniffLength = 4 << 10
	zipLength   = 64 << 10 // how much of a zip archive is looked at to tell what it holds

	saveAsCSV   = "save it as CSV (UTF-8) and import that"
	unpackFirst = "unpack it and import the CSV in it"
	noText      = "import the CSV file itself"
)

// signature is how the bytes of a format that is no CSV begin.
type signature struct {
	at    int
	magic string
	name  string
	hint  string
}

func signatures() []signature {
	return []signature{
		{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (.xls) or another OLE document", saveAsCSV},
		{0, "%PDF-", "a PDF document", "export the table as CSV where the PDF came from"},
		{0, "\x89PNG\r\n", "a PNG image", noText},
		{0, "\xff\xd8\xff", "a JPEG image", noText},
		{0, "GIF87a", "a GIF image", noText},
		{0, "GIF89a", "a GIF image", noText},
		{0, "II*\x00", "a TIFF image", noText},
		{0, "MM\x00*", "a TIFF image", noText},
		{8, "WEBP", "a WebP image", noText},
		{4, "ftyphei", "a HEIC image", noText},
		{4, "ftypmif1", "a HEIC image", noText},
		{4, "ftypavif", "an AVIF image", noText},
		{0, "\x00\x00\x01\x00", "an icon", noText},
		{6, "\x00\x00\x00\x00", "a BMP image", noText},
		{0, "BZh", "a bzip2 archive", "unpack it, or pack it with gzip or zstd"},
		{0, "\xfd7zXZ\x00", "an xz archive", "unpack it, or pack it with gzip or zstd"},
		{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", unpackFirst},
		{0, "Rar!\x1a\x07", "a RAR archive", unpackFirst},
		{0, "\x04\x22\x4d\x18", "an LZ4 archive", "unpack it, or pack it with gzip or zstd"},
		{257, "ustar", "a tar archive", unpackFirst},
		{0, "PAR1", "a Parquet file", "export the table as CSV"},
		{0, "SQLite format 3\x00", "an SQLite database", "export the table as CSV"},
		{0, "{\\rtf", "an RTF document", saveAsCSV},
	}
}

// refuseBinary tells by its first bytes what is no text at all; nil for what
// may be text.
func refuseBinary(head []byte) *RefusedError {
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		name, hint := zipContent(head)
		return refuse(name+", not a CSV", hint)
	}
	for _, s := range signatures() {
		if len(head) >= s.at && bytes.HasPrefix(head[s.at:], []byte(s.magic)) && s.plausible(head) {
			return refuse(s.name+", not a CSV", s.hint)
		}
	}
	return nil
}

// plausible looks at what else a format has, where its magic alone could begin
// a text.
func (s signature) plausible(head []byte) bool {
	switch {
	case s.magic == "PAR1":
		return len(head) > 4 && head[4] < ' '
	case s.magic == "BZh":
		return len(head) > 4 && (bytes.HasPrefix(head[4:], []byte("1AY&SY")) || head[4] == 0x17)
	case s.magic == "WEBP":
		return bytes.HasPrefix(head, []byte("RIFF"))
	case s.at == 6:
		return bytes.HasPrefix(head, []byte("BM"))
	}
	return true
}

// zipContent tells the documents that are zip archives apart by the names of
// their first entries.
func zipContent(head []byte) (name, hint string) {
	office := false
	for rest := head; ; {
		i := bytes.Index(rest, []byte("PK\x03\x04"))
		if i < 0 || len(rest) < i+30 {
			break
		}
		rest = rest[i+30:]
		switch entry := string(rest[:min(len(rest), 128)]); {
		case strings.HasPrefix(entry, "xl/"):
			return "an Excel workbook", saveAsCSV
		case strings.HasPrefix(entry, "word/"):
			return "a Word document", saveAsCSV
		case strings.HasPrefix(entry, "ppt/"):
			return "a PowerPoint presentation", noText
		case strings.HasPrefix(entry, "mimetypeapplication/vnd.oasis.opendocument.spreadsheet"):
			return "an OpenDocument spreadsheet", saveAsCSV
		case strings.HasPrefix(entry, "mimetypeapplication/vnd.oasis.opendocument"):
			return "an OpenDocument file", saveAsCSV
		case strings.HasPrefix(entry, "Index/"):
			return "a Numbers spreadsheet", saveAsCSV
		case strings.HasPrefix(entry, "[Content_Types].xml"), strings.HasPrefix(entry, "_rels/.rels"), strings.HasPrefix(entry, "docProps/"):
			office = true
		}
	}
	if office {
		return "an Excel workbook or another Office document", saveAsCSV
	}
	return "a zip archive", unpackFirst
}

// refuseNUL refuses text whose NUL bytes tell that it is in another encoding or
// no text: those of UTF-16 and UTF-32, and those behind a first line that has
// control characters. Behind a plain one they are left to the rows that have
// them. raw is text before it was decoded.
func refuseNUL(text, raw []byte, encoding string) *RefusedError {
	if bytes.IndexByte(text, 0) < 0 {
		return nil
	}
	var even, odd int
	for i, c := range raw {
		switch {
		case c != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	quarter := max(len(raw)/4, 2)
	wide := ""
	switch {
	case even+odd > quarter*5/2:
		return refuse("UTF-32 text, not a CSV in UTF-8 or UTF-16", "save it as UTF-8")
	case odd > quarter && even <= odd/8:
		wide = "utf-16le"
	case even > quarter && odd <= even/8:
		wide = "utf-16be"
	case hasPlainStart(text):
		return nil
	case encoding != "":
		return refuse(fmt.Sprintf("has NUL bytes when read as %s", encoding), "name the encoding it was written in with --encoding")
	default:
		return refuse("a binary file, not a CSV", noText)
	}
	if encoding != "" {
		return refuse(fmt.Sprintf("UTF-16 text, not %s", encoding), "name its encoding: --encoding "+wide)
	}
	return refuse("UTF-16 text without a byte order mark", "name its encoding: --encoding "+wide)
}

// hasPlainStart reports whether the first line of text that is not blank has no
// control characters.
func hasPlainStart(text []byte) bool {
	const blanks = " \t\r\n"
	line, _, _ := bytes.Cut(bytes.TrimLeft(text, blanks), []byte("\n"))
	return !bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && !strings.ContainsRune(blanks, r) })
}

// refuseMarkup refuses HTML, XML and JSON by their first text character.
func refuseMarkup(head []byte) *RefusedError {
	head = bytes.TrimLeft(head, " \t\r\n")
	if len(head) == 0 {
		return nil
	}
	lower := bytes.ToLower(head[:min(len(head), 512)])
	switch {
	case head[0] == '{' || head[0] == '[':
		return refuse("JSON, not a CSV", "export the rows as CSV")
	case head[0] != '<':
		return nil
	case bytes.HasPrefix(lower, []byte("<!doctype html")), bytes.Contains(lower, []byte("<html")):
		return refuse("an HTML page, not a CSV", "a login or error page is often saved in place of the export: fetch the file again")
	case bytes.Contains(lower, []byte("excel.sheet")), bytes.Contains(lower, []byte("office:spreadsheet")):
		return refuse("an XML spreadsheet, not a CSV", saveAsCSV)
	}
	return refuse("XML, not a CSV", "export the rows as CSV")
}
