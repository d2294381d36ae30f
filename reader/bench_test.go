package reader

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"testing"

	"corattach/pipeline"
)

func BenchmarkRows(b *testing.B) {
	const rows = 1_000_000
	for _, shape := range []struct{ name, format string }{
		{"plain", "USER-%06d,WS-%04d,%d.%02d,SAP\n"},
		{"quoted", "\"USER-%06d\",\"WS-%04d\",\"%d.%02d\",\"SAP\"\n"},
	} {
		b.Run(shape.name, func(b *testing.B) {
			var text bytes.Buffer
			text.WriteString("user_id,workspace_id,percentage,source\n")
			for i := range rows {
				fmt.Fprintf(&text, shape.format, i*7919%333_333, i%5000, i%100, i%97)
			}
			file := File{Name: "bench.csv", Open: func() (io.ReadCloser, error) {
				return io.NopCloser(bytes.NewReader(text.Bytes())), nil
			}}
			b.SetBytes(int64(text.Len()))
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				read := 0
				for batch, err := range New([]File{file}, Options{Sources: pipeline.Sources()}).Rows(b.Context()) {
					if err != nil {
						b.Fatal(err)
					}
					read += len(batch)
				}
				if read != rows {
					b.Fatalf("%d rows read", read)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkPlainCSV(b *testing.B) {
	const rows = 1_000_000
	var text bytes.Buffer
	text.WriteString("user_id,workspace_id,percentage,source\n")
	for i := range rows {
		fmt.Fprintf(&text, "USER-%06d,WS-%04d,%d.%02d,SAP\n", i*7919%333_333, i%5000, i%100, i%97)
	}
	b.ResetTimer()
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(text.Bytes()))
		r.ReuseRecord = true
		for {
			if _, err := r.Read(); err != nil {
				break
			}
		}
	}
	b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
