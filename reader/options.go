package reader

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"corattach/pipeline"
)

// Options say how input is read. The zero value detects the delimiter, takes
// UTF-8 and UTF-16 with a byte order mark, and accepts no source at all.
type Options struct {
	Delimiter    byte              // 0: detected from each file's header; else what ParseDelimiter returns
	Encoding     string            // "" or "auto": UTF-8, or what a byte order mark says; else a name that CheckEncoding accepts
	SkipLines    int               // physical lines above the header; at least 0
	DecimalComma bool              // the comma takes the point's place in percentages
	Unit         string            // "" or "auto": percent, and an input that looks like fractions is refused; "percent"; "fraction": 0.5 is 50 %
	Map          map[string]string // column (user_id, workspace_id, percentage, source) to its name in the header; absent: its own name
	Source       pipeline.Source   // fills a source that is absent or blank; "": none
	Sources      []pipeline.Source // the sources accepted, in upper case
	Detach       bool              // the columns are user_id, workspace_id and source; percentage is ignored
}

// The words of Options.Unit.
const (
	unitAuto     = "auto"
	unitPercent  = "percent"
	unitFraction = "fraction"
)

// The four columns, as the spec names them.
const (
	userColumn       = "user_id"
	workspaceColumn  = "workspace_id"
	percentageColumn = "percentage"
	sourceColumn     = "source"
)

func columnNames() []string {
	return []string{userColumn, workspaceColumn, percentageColumn, sourceColumn}
}

const delimiters = ",;\t|"

func delimiterNames() []string { return []string{"comma", "semicolon", "tab", "pipe"} }

// ParseDelimiter reads the word for a delimiter, or "auto" for 0: the delimiter
// is detected from the header.
func ParseDelimiter(name string) (byte, error) {
	if name == "auto" {
		return 0, nil
	}
	i := slices.Index(delimiterNames(), name)
	if i < 0 {
		return 0, fmt.Errorf("unknown delimiter %q: accepted are auto, %s", name, strings.Join(delimiterNames(), ", "))
	}
	return delimiters[i], nil
}

// CheckMap reports an Options.Map that names an unknown column, a blank header,
// or one header for two columns.
func CheckMap(columns map[string]string) error {
	names := columnNames()
	for column := range columns {
		if !slices.Contains(names, column) {
			return fmt.Errorf("unknown column %q to map: there are %s", column, strings.Join(names, ", "))
		}
	}
	for i, column := range names {
		name, mapped := columns[column]
		switch j := slices.IndexFunc(names[:i], func(other string) bool { return sameName(columns[other], name) }); {
		case mapped && strings.TrimSpace(name) == "":
			return fmt.Errorf("column %s is mapped to a blank name", column)
		case mapped && j >= 0:
			return fmt.Errorf("columns %s and %s are both mapped to %q", names[j], column, name)
		}
	}
	return nil
}

// rules are the options in the form in which the reading uses them.
type rules struct {
	Options
	columns  []string                   // that are read
	required []string                   // of these, those that a header must have
	point    byte                       // of decimals
	sources  map[string]pipeline.Source // by name in upper case
}

// rules checks the options. The error names the one that is wrong.
func (o Options) rules() (*rules, error) {
	r := &rules{Options: o, columns: columnNames(), point: '.', sources: make(map[string]pipeline.Source, len(o.Sources))}
	without := func(columns []string, column string) []string {
		return slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == column })
	}
	if o.Detach {
		r.columns = without(r.columns, percentageColumn)
	}
	if r.required = r.columns; o.Source != "" {
		r.required = without(r.columns, sourceColumn)
	}
	if o.DecimalComma {
		r.point = ','
	}
	for _, source := range o.Sources {
		r.sources[string(source)] = source
	}
	if !slices.Contains([]string{"", unitAuto, unitPercent, unitFraction}, o.Unit) {
		return nil, fmt.Errorf("unknown percentage unit %q: accepted are auto, percent, fraction", o.Unit)
	}
	if err := CheckMap(o.Map); err != nil {
		return nil, err
	}
	return r, CheckEncoding(o.Encoding)
}

// header returns the name that a column has in the header.
func (r *rules) header(column string) string {
	if name, mapped := r.Map[column]; mapped {
		return name
	}
	return column
}

// columnOf returns the column that a name in the header stands for, "" for none.
// A name that --map gives to one column is no longer that of another.
func (r *rules) columnOf(name string) string {
	found := ""
	for _, column := range r.columns {
		given, mapped := r.Map[column]
		switch {
		case mapped && sameName(given, name):
			return column
		case !mapped && isColumn(name, column):
			found = column
		}
	}
	return found
}

// isColumn reports whether a name in the header is that of a column: without
// case, white space, _ and -. A name that begins with _ is that of none.
func isColumn(name, column string) bool {
	return !isForOthers(name) && strings.EqualFold(bare(name), bare(column))
}

// isForOthers reports a name that says by a leading _ that the column is meant
// for others.
func isForOthers(name string) bool { return strings.HasPrefix(strings.TrimSpace(name), "_") }

// bare is a name in Unicode NFC without white space, _ and -.
func bare(name string) string {
	name = strings.NewReplacer("_", "", "-", "").Replace(norm.NFC.String(name))
	return strings.Join(strings.Fields(name), "")
}

// sameName compares a name of --map with one in the header: without case and
// outer white space, after Unicode NFC.
func sameName(a, b string) bool {
	plain := func(s string) string { return strings.TrimSpace(norm.NFC.String(s)) }
	return strings.EqualFold(plain(a), plain(b))
}
