package reader

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"

	"corattach/pipeline"
)

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func zstded(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(text), nil))
}

func zipped(t *testing.T, entries ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, entry := range entries {
		name, content, _ := strings.Cut(entry, "=")
		e, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(e, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarred(t *testing.T, name, content string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	s, err := e.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func utf16(endian unicode.Endianness, mark unicode.BOMPolicy) encoding.Encoding {
	return unicode.UTF16(endian, mark)
}

func TestPackedAndEncoded(t *testing.T) {
	const text = "user_id,workspace_id,percentage,source\r\nJosé,W1,60,SAP\r\n"
	want := []pipeline.Row{good(2, "José", "W1", "60", "SAP")}
	latin := encoded(t, charmap.Windows1252, text)
	for name, c := range map[string]struct{ content, encoding string }{
		"gzip":                    {gzipped(t, text), ""},
		"gzip of several members": {gzipped(t, text[:50]) + gzipped(t, text[50:]), "auto"},
		"zstd":                    {zstded(t, text), ""},
		"zstd of several frames":  {zstded(t, text[:50]) + zstded(t, text[50:]), ""},
		"zstd after a skippable":  {"\x50\x2a\x4d\x18\x01\x00\x00\x00x" + zstded(t, text), ""},
		"UTF-16LE":                {encoded(t, utf16(unicode.LittleEndian, unicode.UseBOM), text), ""},
		"UTF-16BE":                {encoded(t, utf16(unicode.BigEndian, unicode.UseBOM), text), ""},
		"UTF-16LE in gzip":        {gzipped(t, encoded(t, utf16(unicode.LittleEndian, unicode.UseBOM), text)), ""},
		"UTF-16LE named":          {encoded(t, utf16(unicode.LittleEndian, unicode.IgnoreBOM), text), "utf-16le"},
		"UTF-16BE named":          {encoded(t, utf16(unicode.BigEndian, unicode.IgnoreBOM), text), "UTF-16BE"},
		"latin1":                  {latin, "iso-8859-1"},
		"windows-1252":            {latin, "windows-1252"},
		"cp850":                   {encoded(t, charmap.CodePage850, text), "cp850"},
		"a mark wins":             {"\ufeff" + text, "windows-1252"},
		"a UTF-16 mark wins":      {encoded(t, utf16(unicode.LittleEndian, unicode.UseBOM), text), "utf-8"},
	} {
		opts := options()
		opts.Encoding = c.encoding
		g := readString(c.content, opts)
		if g.err != nil {
			t.Errorf("%s: %v", name, g.err)
			continue
		}
		equal(t, want, g.rows)
		equal(t, sum(c.content), g.inputs[0].SHA256)
	}
}

func TestLostInDecoding(t *testing.T) {
	opts := options()
	opts.Encoding = "shift_jis"
	g := mustRead(t, header+"Jos\xff,W1,60,SAP\n", opts)
	equal(t, "user_id \"Jos\ufffd\" has U+FFFD, in place of a letter that was lost before", g.rows[0].Problem)
	opts.Encoding = "iso-8859-1"
	g = mustRead(t, header+"Jos\x80,W1,60,SAP\n", opts)
	equal(t, `user_id "Jos\u0080" has U+0080, a control character`, g.rows[0].Problem)
}

// A byte that is no ASCII is not taken for windows-1252 where ASCII is named.
func TestNamedASCII(t *testing.T) {
	for _, name := range []string{"ascii", "US-ASCII"} {
		opts := options()
		opts.Encoding = name
		g := mustRead(t, header+"Jos\xe9,W1,60,SAP\nU1,W1,60,SAP\n", opts)
		equal(t, `user_id "Jos\xe9" is not valid UTF-8; name the encoding of the file with --encoding`, g.rows[0].Problem)
		equal(t, "", g.rows[1].Problem)
	}
}

// A NUL byte costs the row that has it, wherever the row stands.
func TestNULInARow(t *testing.T) {
	g := mustRead(t, header+"A,W,1,SAP\nB\x00,W,1,SAP\nC,W,1,SAP\n", options())
	if len(g.rows) != 3 {
		t.Fatalf("%d rows, want 3", len(g.rows))
	}
	for i, want := range []string{"", `user_id "B\x00" has U+0000, a control character`, ""} {
		equal(t, want, g.rows[i].Problem)
	}
}

const expected = "; expected user_id, workspace_id, percentage, source"

func TestRefusals(t *testing.T) {
	const text = header + "U1,W1,60,SAP\n"
	for name, c := range map[string]struct{ content, want, hint string }{
		"Excel":                       {zipped(t, "[Content_Types].xml=x", "_rels/.rels=x", "xl/workbook.xml=x"), ": an Excel workbook, not a CSV", "save it as CSV (UTF-8) and import that"},
		"Word":                        {zipped(t, "[Content_Types].xml=x", "word/document.xml=x"), ": a file of the type application/vnd.openxmlformats-officedocument.wordprocessingml.document, not a CSV", "import the CSV file itself"},
		"some Office":                 {zipped(t, "[Content_Types].xml=x"), ": a zip archive or an Office document, not a CSV", "save a spreadsheet as CSV"},
		"OpenDocument":                {zipped(t, "mimetype=application/vnd.oasis.opendocument.spreadsheet", "content.xml=x"), ": an OpenDocument file, not a CSV", "save it as"},
		"zip":                         {zipped(t, "in.csv="+text), ": a zip archive or an Office document, not a CSV", "save a spreadsheet as CSV"},
		"OLE":                         {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00", ": an old Excel workbook (.xls) or another OLE document, not a CSV", "save it as"},
		"PDF":                         {"%PDF-1.7\n%\xe2\xe3", ": a file of the type application/pdf, not a CSV", "import the CSV file itself"},
		"PNG":                         {"\x89PNG\r\n\x1a\n\x00", ": a file of the type image/png, not a CSV", "import the CSV file itself"},
		"JPEG":                        {"\xff\xd8\xff\xe0\x00\x10JFIF", ": a file of the type image/jpeg, not a CSV", "import"},
		"GIF":                         {"GIF89a\x01\x00", ": a file of the type image/gif, not a CSV", "import"},
		"WebP":                        {"RIFF\x00\x01\x02\x03WEBPVP8 ", ": a file of the type image/webp, not a CSV", "import"},
		"HEIC":                        {"\x00\x00\x00\x18ftypheic\x00", ": a file of the type image/heic, not a CSV", "import"},
		"BMP":                         {"BM\x36\x00\x0c\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00" + strings.Repeat("\x00", 40), ": a file of the type image/bmp, not a CSV", "import"},
		"bzip2":                       {"BZh91AY&SY\x00", ": a file of the type application/x-bzip2, not a CSV", "import"},
		"xz":                          {"\xfd7zXZ\x00\x00", ": a file of the type application/x-xz, not a CSV", "import"},
		"7z":                          {"7z\xbc\xaf\x27\x1c\x00", ": a file of the type application/x-7z-compressed, not a CSV", "import"},
		"tar":                         {gzipped(t, tarred(t, "in.csv", text)), ": a file of the type application/x-tar, not a CSV", "import"},
		"Parquet":                     {"PAR1\x15\x04", ": a file of the type application/vnd.apache.parquet, not a CSV", "import"},
		"SQLite":                      {"SQLite format 3\x00", ": a file of the type application/vnd.sqlite3, not a CSV", "import"},
		"Access":                      {"\x00\x01\x00\x00Standard ACE DB\x00", ": a file of the type application/x-msaccess, not a CSV", "import"},
		"ELF":                         {"\x7fELF\x02\x01\x01\x00\x00\x00rest of it", ": a file of the type application/x-elf, not a CSV", "import"},
		"RTF":                         {"{\\rtf1\\ansi}", ": a file of the type text/rtf, not a CSV", "save it as"},
		"binary lines":                {"\x03a,b\x00\n", ": has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16", "if it is UTF-16"},
		"UTF-16LE":                    {encoded(t, utf16(unicode.LittleEndian, unicode.IgnoreBOM), text), ": has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16", "if it is UTF-16 without a byte order mark, name that: --encoding utf-16le or utf-16be"},
		"UTF-16BE":                    {encoded(t, utf16(unicode.BigEndian, unicode.IgnoreBOM), text), ": has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16", "if it is UTF-16 without a byte order mark, name that: --encoding utf-16le or utf-16be"},
		"UTF-32 unmarked":             {encoded(t, utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), text), ": has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16", "if it is UTF-16"},
		"twice":                       {gzipped(t, zstded(t, text)), ": a file of the type application/zstd, not a CSV", "import the CSV file itself; unpack an archive"},
		"gzip of Excel":               {gzipped(t, zipped(t, "xl/workbook.xml=x")), ": an Excel workbook, not a CSV", "save it as"},
		"HTML":                        {"\n <!DOCTYPE html>\n<title>Sign in</title>", ": an HTML page, not a CSV", "a login or error page is often saved"},
		"XML spreadsheet":             {"\ufeff<?xml version=\"1.0\"?>\n<?mso-application progid=\"Excel.Sheet\"?>\n", ": XML, not a CSV", "export"},
		"XML":                         {"<?xml version=\"1.0\"?><rows/>", ": XML, not a CSV", "export"},
		"JSON":                        {"[{\"user_id\": 1}]", ": JSON, not a CSV", "export"},
		"JSON lines":                  {"{\"user_id\": 1}\n{}", ": JSON, not a CSV", "export"},
		"one column":                  {"user_id\nU1\n", `:1: has one column only, "user_id"; no comma, semicolon, tab or pipe in its header`, "export all columns"},
		"prose":                       {"\nDear all\n", `:2: has one column only, "Dear all"; no comma, semicolon, tab or pipe in its header`, "export"},
		"CR alone":                    {strings.ReplaceAll(text, "\n", "\r"), ": its lines end with CR alone", "save it with LF or CRLF line ends"},
		"CR alone, all columns found": {"user_id,workspace_id,percentage,source,x\rU1,W1,60,SAP,\r", ": its lines end with CR alone", "save it"},
		"CR alone, long":              {"user_id,workspace_id,percentage,source,x\r" + strings.Repeat("U1,W1,60,SAP,\r", 9999), ": its lines end with CR alone", "save it"},
		"long header":                 {"user_id," + strings.Repeat("x", 1<<17), ":1: the header is malformed CSV: longer than 65,536 bytes", "fix"},
		"missing two":                 {"user,workspace_id,percentage\n", `:1: the header lacks user_id, source; found "user", "workspace_id", "percentage"` + expected, "use --map user_id=user --source NAME"},
		"missing source":              {"sep=;\nuser_id;workspace_id;percentage\n", `:2: the header lacks source; found "user_id", "workspace_id", "percentage"` + expected, "--source NAME gives all rows one source"},
		"no header":                   {"U1,W1,60,SAP\n", `:1: the header lacks user_id, workspace_id, percentage, source; found "U1", "W1", "60", "SAP"` + expected, "add the column"},
		"repeated":                    {"user_id,workspace_id,percentage,source,USER_ID\n", `:1: the header repeats user_id; found "user_id", "workspace_id", "percentage", "source", "USER_ID"` + expected, "rename or remove"},
		"malformed":                   {"user_id,\"workspace_id\"x,percentage,source\n", ":1: the header is malformed CSV: a quoted field goes on after its closing quote", "fix"},
		"unclosed":                    {"user_id,workspace_id,percentage,\"source\nU1,W1,60,SAP\n", ":1: the header is malformed CSV: a quote is never closed or stands within an unquoted field", "fix"},
	} {
		g := readString(c.content, options())
		refused := new(pipeline.Failure)
		if !errors.As(g.err, &refused) {
			t.Errorf("%s: %v, %d rows", name, g.err, len(g.rows))
			continue
		}
		if g.err.Error() != "in.csv"+c.want || !strings.HasPrefix(refused.Hint, c.hint) || len(g.rows) > 0 {
			t.Errorf("%s: %s\nwant in.csv%s\nhint: %s", name, g.err, c.want, refused.Hint)
		}
	}
}

func TestDamagedArchives(t *testing.T) {
	var text strings.Builder
	text.WriteString(header)
	for i := range 40_000 {
		text.WriteString("U" + strings.Repeat("x", i%7) + ",W1,60,SAP\n")
	}
	flip := func(s string, at int) string { return s[:at] + string(s[at]^0x55) + s[at+1:] }
	gz, zs := gzipped(t, text.String()), zstded(t, text.String())
	for name, c := range map[string]struct{ content, want string }{
		"two bytes":        {"\x1f\x8b", "in.csv: a cut or damaged gzip archive (unexpected EOF)"},
		"gzip cut":         {gz[:len(gz)/2], "in.csv: a cut or damaged gzip archive (unexpected EOF)"},
		"gzip cut at last": {gz[:len(gz)-1], "in.csv: a cut or damaged gzip archive (unexpected EOF)"},
		"gzip checksum":    {flip(gz, len(gz)-6), "in.csv: a cut or damaged gzip archive (gzip: invalid checksum)"},
		"gzip and more":    {gz + "more after the end", "in.csv: a cut or damaged gzip archive (gzip: invalid header)"},
		"zstd cut":         {zs[:len(zs)/2], "in.csv: a cut or damaged zstd archive (unexpected EOF)"},
		"zstd cut at last": {zs[:len(zs)-1], "in.csv: a cut or damaged zstd archive (unexpected EOF)"},
		"zstd checksum":    {flip(zs, len(zs)-2), "in.csv: a cut or damaged zstd archive (CRC check failed)"},
	} {
		g := readString(c.content, options())
		refused := new(pipeline.Failure)
		if !errors.As(g.err, &refused) || g.err.Error() != c.want || g.inputs != nil || strings.HasSuffix(name, "at last") && len(g.rows) == 0 {
			t.Errorf("%s: %v, want %s", name, g.err, c.want)
		}
	}
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	g := readFiles(options(), File{Name: dir, Open: func() (io.ReadCloser, error) { return os.Open(dir) }})
	open := new(pipeline.Failure)
	if !errors.As(g.err, &open) {
		t.Fatalf("%v", g.err)
	}
	missing := dir + "/none.csv"
	g = readFiles(options(), File{Name: missing, Open: func() (io.ReadCloser, error) { return os.Open(missing) }})
	if !errors.As(g.err, &open) || !errors.Is(g.err, os.ErrNotExist) || strings.Count(g.err.Error(), missing) != 1 {
		t.Errorf("%v", g.err)
	}
}

func TestDelimiterNamed(t *testing.T) {
	opts := options()
	opts.Delimiter = "semicolon"
	g := readString(header, opts)
	want := `in.csv:1: the header lacks user_id, workspace_id, percentage, source; found "user_id,workspace_id,percentage,source"` + expected
	if refused := new(pipeline.Failure); !errors.As(g.err, &refused) || refused.Error() != want || !strings.Contains(refused.Hint, "--delimiter") {
		t.Errorf("%v", g.err)
	}
}

func TestWrongEncodingNamed(t *testing.T) {
	opts := options()
	opts.Encoding = "windows-1252"
	g := readString(encoded(t, utf16(unicode.LittleEndian, unicode.IgnoreBOM), header), opts)
	if g.err == nil || g.err.Error() != "in.csv: has NUL bytes in its first line: no text, or text in another encoding, such as UTF-16" {
		t.Errorf("%v", g.err)
	}
}
