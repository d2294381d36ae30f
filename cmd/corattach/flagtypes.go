package main

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"
)

// decimal reads a whole number. kong would take 010 for 8, and 0x10 for 16.
func decimal(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("int")
	if err != nil {
		return err
	}
	text := fmt.Sprint(token.Value)
	n, err := strconv.Atoi(text)
	if err != nil || strings.HasPrefix(text, "+") {
		return fmt.Errorf("%q is no whole number: write it in decimal digits", text)
	}
	target.SetInt(int64(n))
	return nil
}

// filePath is the name of a file as it is given, byte for byte: kong would replace
// what is no UTF-8.
type filePath string

// Decode takes the next word of the command line.
func (p *filePath) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("file")
	if err == nil {
		*p = filePath(fmt.Sprint(token.Value))
	}
	return err
}

// columnMap names the headers of fields. A blank text is an empty map: it outranks
// what environment and file map.
type columnMap map[string]string

// Decode adds FIELD=HEADER, or several with ; between.
func (m *columnMap) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("FIELD=HEADER")
	if err != nil {
		return err
	}
	if *m == nil {
		*m = make(columnMap)
	}
	text := fmt.Sprint(token.Value)
	if text == "" {
		return nil
	}
	for _, pair := range kong.SplitEscaped(text, ';') {
		field, header, found := strings.Cut(pair, "=")
		if !found {
			return fmt.Errorf("%q is not FIELD=HEADER", pair)
		}
		(*m)[field] = header
	}
	return nil
}
