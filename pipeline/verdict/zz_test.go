package verdict

import (
	"testing"

	"corattach/pipeline"
)

func BenchmarkAnswers(b *testing.B) {
	r := after(past(answered(pivot("11", "60"), pivot("12", "40"))))
	all := []pipeline.Request{*r}
	b.ReportAllocs()
	for b.Loop() {
		Answers(all, func(pipeline.Source, pipeline.WorkspaceID) bool { return true })
	}
}

func BenchmarkLost(b *testing.B) {
	r := after(past(answered(pivot("11", "60"), pivot("12", "40"))))
	all := []pipeline.Request{*r}
	b.ReportAllocs()
	for b.Loop() {
		Lost(all, nil)
	}
}

func BenchmarkSum(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		pipeline.SumReturned([]string{"60", "40"})
	}
}
