package reader

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
)

// Options say how input is read. The zero value detects the delimiter, takes
// UTF-8 and UTF-16 with a byte order mark, and accepts no source at all.
type Options struct {
	Delimiter    string            // "" or "auto": detected from each file's header; "comma", "semicolon", "tab", "pipe"
	Encoding     string            // "" or "auto": UTF-8, or what a byte order mark says; else a name of IANA or the WHATWG
	SkipLines    int               // physical lines above the header; at least 0
	DecimalComma bool              // the comma takes the point's place in percentages
	Unit         string            // "" or "auto": percent, and an input that looks like fractions is refused; "percent"; "fraction": 0.5 is 50 %
	Map          map[string]string // column (user_id, workspace_id, percentage, source) to its name in the header; absent: its own name
	Source       pipeline.Source   // fills a source that is absent or blank; "": none
	Sources      []pipeline.Source // the sources accepted, in upper case
	Detach       bool              // the columns are user_id, workspace_id and source; percentage is ignored
}

// Words of Options.Unit.
const (
	unitPercent  = "percent"
	unitFraction = "fraction"
)

// The four columns, as the spec names them.
const (
	userColumn       = "user_id"
	workspaceColumn  = "workspace_id"
	percentageColumn = "percentage"
	sourceColumn     = "source"

	// othersColumn is one that is meant for others: its name begins with _, or it is
	// one of a vanished.csv that a detach is given.
	othersColumn = "_"
)

func columnNames() []string {
	return []string{userColumn, workspaceColumn, percentageColumn, sourceColumn}
}

const delimiters = ",;\t|"

func delimiterNames() []string { return []string{"comma", "semicolon", "tab", "pipe"} }

// Check reports an encoding or names of columns that can't be: a *pipeline.Failure for
// wrong usage that names the flag.
func (o *Options) Check() error {
	if _, err := namedEncoding(o.Encoding); err != nil {
		return pipeline.Usage("names such as utf-8, utf-16le, windows-1252 and iso-8859-15 are known", "--encoding: %w", err)
	}
	const hint = "write --map FIELD=HEADER, a FIELD being user_id, workspace_id, percentage or source"
	names := columnNames()
	for column, name := range o.Map {
		twin := slices.IndexFunc(names, func(other string) bool { return other < column && sameName(o.Map[other], name) })
		switch {
		case !slices.Contains(names, column):
			return pipeline.Usage(hint, "--map: unknown column %q to map: there are %s", column, strings.Join(names, ", "))
		case strings.TrimSpace(name) == "":
			return pipeline.Usage(hint, "--map: column %s is mapped to a blank name", column)
		case twin >= 0:
			return pipeline.Usage(hint, "--map: columns %s and %s are both mapped to %q", names[twin], column, name)
		}
	}
	return nil
}

// required returns the columns that a header must have.
func (o *Options) required() []string {
	return slices.DeleteFunc(columnNames(), func(column string) bool {
		return column == percentageColumn && o.Detach || column == sourceColumn && o.Source != ""
	})
}

// nameOf returns the name that a column has in the header.
func (o *Options) nameOf(column string) string { return cmp.Or(o.Map[column], column) }

// columnOf returns what a name in the header stands for: one of the four columns,
// othersColumn, or "" for none. A name that --map gives to one column is no longer
// that of another.
func (o *Options) columnOf(name string) (found string) {
	plain := bare(name)
	is := func(column string) bool { return strings.EqualFold(plain, bare(column)) }
	if strings.HasPrefix(plain, "_") || o.Detach && (is(percentageColumn) || is("confirmed_at")) {
		found = othersColumn
	}
	for _, column := range columnNames() {
		given, mapped := o.Map[column]
		switch {
		case column == percentageColumn && o.Detach:
		case mapped && sameName(given, name):
			return column
		case !mapped && is(column):
			found = column
		}
	}
	return found
}

// bare is a name as columns are compared by, but for its case: in Unicode NFC without
// white space, _ and -. A leading _ stays: it says that the column is meant for others.
func bare(name string) string {
	name = strings.Join(strings.Fields(norm.NFC.String(name)), "")
	if strings.HasPrefix(name, "_") {
		return name
	}
	return strings.ReplaceAll(strings.ReplaceAll(name, "_", ""), "-", "")
}

// sameName compares a name of --map with one in the header: without case and
// outer white space, after Unicode NFC.
func sameName(a, b string) bool {
	plain := func(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }
	return strings.EqualFold(plain(a), plain(b))
}
