package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
)

// parsers are options that read the values of flags and arguments, and refuse what
// makes no sense.
func parsers() []kong.Option {
	return []kong.Option{
		kong.KindMapper(reflect.String, mapper(parseText)),
		kong.KindMapper(reflect.Int, mapper(parseInt)),
		kong.KindMapper(reflect.Float64, mapper(parseRate)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), mapper(parseDuration)),
		kong.TypeMapper(reflect.TypeFor[pipeline.Percent](), mapper(parsePoints)),
	}
}

// mapper reads the next word of the command line.
func mapper[T any](parse func(of *kong.Value, text string) (T, error)) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		token, err := ctx.Scan.PopValue("text")
		if err != nil {
			return err
		}
		value, err := parse(ctx.Value, fmt.Sprint(token.Value))
		if err == nil {
			target.Set(reflect.ValueOf(value).Convert(target.Type()))
		}
		return err
	}
}

// parseText takes a text byte for byte: kong would replace what is no UTF-8.
func parseText(of *kong.Value, text string) (string, error) {
	if text == "" && !of.Tag.Has("blank") {
		return "", errors.New("the value is blank: is a variable unset?")
	}
	return text, nil
}

// parseInt reads decimal digits. kong would take 010 for 8, and 0x10 for 16.
func parseInt(of *kong.Value, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || strings.HasPrefix(text, "+") {
		return 0, fmt.Errorf("%q is no whole number: write it in decimal digits", text)
	}
	if least, _ := strconv.Atoi(cmp.Or(of.Tag.Get("min"), "0")); n < least {
		return 0, fmt.Errorf("must be at least %d", least)
	}
	return n, nil
}

func parseRate(_ *kong.Value, text string) (float64, error) {
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate >= 0) || math.IsInf(rate, 0) {
		return 0, fmt.Errorf("%q is no number from 0", text)
	}
	return rate, nil
}

// parseDuration reads a time above 0, or what is the flag's default: 0s, or off for 0.
func parseDuration(of *kong.Value, text string) (time.Duration, error) {
	if text == "off" && of.Default == text {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d == 0 && of.Default != "0s" {
		return 0, fmt.Errorf("%q is no time such as 30s or 2h30m", text)
	}
	return d, nil
}

func parsePoints(_ *kong.Value, text string) (pipeline.Percent, error) {
	points, ok := pipeline.ParseDecimal(text, '.')
	if !ok || points > pipeline.Hundred {
		return 0, fmt.Errorf("%q is no number from 0 to 100 with up to four decimals", text)
	}
	return points, nil
}
