package reader

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"testing"

	"corattach/pipeline"
)

// manyRows returns a header and a million rows.
func manyRows(format string) []byte {
	var text bytes.Buffer
	text.WriteString(header)
	for i := range 1_000_000 {
		fmt.Fprintf(&text, format, i*7919%333_333, i%5000, i%100, i%97)
	}
	return text.Bytes()
}

func BenchmarkRows(b *testing.B) {
	for _, shape := range []struct{ name, format string }{
		{"plain", "USER-%06d,WS-%04d,%d.%02d,SAP\n"},
		{"quoted", "\"USER-%06d\",\"WS-%04d\",\"%d.%02d\",\"SAP\"\n"},
	} {
		b.Run(shape.name, func(b *testing.B) {
			file := memory("bench.csv", manyRows(shape.format))
			b.ReportAllocs()
			for b.Loop() {
				rows := 0
				_, err := Read(b.Context(), []File{file}, options(), func(*pipeline.Row) error { rows++; return nil })
				if err != nil || rows != 1_000_000 {
					b.Fatalf("%d rows, %v", rows, err)
				}
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkPlainCSV is what BenchmarkRows is measured against: the same rows read by
// encoding/csv alone.
func BenchmarkPlainCSV(b *testing.B) {
	text := manyRows("USER-%06d,WS-%04d,%d.%02d,SAP\n")
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(text))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err != nil {
				break
			}
		}
	}
	b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
