package reader

import (
	"fmt"
	"slices"
	"strings"

	"corattach/pipeline"
)

// rules are the options as one file's reading uses them.
type rules struct {
	opts    Options
	file    string // its name, for warnings
	index   int    // its place in the list of files
	decoded bool   // it came from an encoding that is not UTF-8
	point   byte
	notices *notices
	sources map[string]pipeline.Source // by name in upper case
}

// rules checks the options. The error names the one that is wrong.
func (o Options) rules() (rules, error) {
	r := rules{opts: o, point: '.', sources: make(map[string]pipeline.Source, len(o.Sources))}
	if o.DecimalComma {
		r.point = ','
	}
	for _, source := range o.Sources {
		r.sources[string(source)] = source
	}
	if o.Delimiter != 0 && strings.IndexByte(delimiters, o.Delimiter) < 0 {
		return r, fmt.Errorf("unknown delimiter %q: accepted are comma, semicolon, tab and pipe", o.Delimiter)
	}
	if err := CheckMap(o.Map); err != nil {
		return r, err
	}
	return r, CheckEncoding(o.Encoding)
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
		if mapped && strings.TrimSpace(name) == "" {
			return fmt.Errorf("column %s is mapped to a blank name", column)
		}
		for _, other := range names[:i] {
			if taken, both := columns[other]; mapped && both && sameName(taken, name) {
				return fmt.Errorf("columns %s and %s are both mapped to %q", other, column, name)
			}
		}
	}
	return nil
}

// header returns the name a column has in the header.
func (r *rules) header(column string) string {
	if name, mapped := r.opts.Map[column]; mapped {
		return name
	}
	return column
}

// columnOf returns which of the four columns a header name is, "" for none. A
// name that --map gives to one column is no longer that of another.
func (r *rules) columnOf(name string) string {
	found := ""
	for _, column := range columnNames() {
		if _, mapped := r.opts.Map[column]; sameName(r.header(column), name) && (mapped || found == "") {
			found = column
		}
	}
	return found
}

// columnCalled returns the column whose name in the header is name.
func (r *rules) columnCalled(name string) string {
	for _, column := range columnNames() {
		if r.header(column) == name {
			return column
		}
	}
	return name
}

// required returns the columns a header must have.
func (r *rules) required() []string {
	if r.opts.Source != "" {
		return columnNames()[:3]
	}
	return columnNames()
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
