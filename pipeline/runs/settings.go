package runs

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"corattach/pipeline"
	"corattach/pipeline/journal"
	"corattach/pipeline/plan"
	"corattach/reader"
)

// rules are what a run's settings mean.
type rules struct {
	read reader.Options
	plan plan.Rules
}

// compile checks an order, and says what its settings mean.
func (o *Order) compile() (rules, error) {
	switch {
	case o.Command == "import" && (strings.TrimSpace(o.Job) == "" || strings.ContainsFunc(o.Job, unicode.IsControl)):
		return rules{}, pipeline.Usage("use a plain name, such as staff", "--job: %q is no name of a job", o.Job)
	case o.Settings.MaxInputAge > 0 && slices.Contains(o.Files, "-"):
		return rules{}, pipeline.Usage("leave it out, or name a file", "--max-input-age: standard input has no age")
	case o.Plan != "" && !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(o.Plan):
		return rules{}, pipeline.Usage("paste the digest that the dry run has printed: sha256: and 64 hex digits", "--plan: %q is no digest", o.Plan)
	case slices.ContainsFunc(o.Settings.AllowSource, func(name string) bool { return strings.TrimSpace(name) == "" }):
		return rules{}, pipeline.Usage("name a source", "--allow-source: the name is blank")
	}
	return compile(o.Command, &o.Settings)
}

// compile checks settings and says what they mean. An error is a *pipeline.Failure
// that names the flag.
func compile(command string, s *journal.Settings) (r rules, err error) {
	sources := pipeline.Sources()
	for _, name := range s.AllowSource {
		sources = append(sources, reader.SourceOf(name))
	}
	source := reader.SourceOf(s.Source)
	if source != "" && !slices.Contains(sources, source) {
		return r, pipeline.Usage("add --allow-source "+string(source)+" if COR knows it", "--source: %q is not one of COR's sources", s.Source)
	}
	r.plan = plan.Rules{Op: pipeline.Attach, OverAllocation: plan.OverAllocation(s.OverAllocation), Chunk: s.Chunk}
	switch command {
	case "detach":
		r.plan.Op = pipeline.Detach
	case "import":
		var ok bool
		if r.plan.Limit, ok = pipeline.ParseDecimal(s.AllocationLimit, '.'); !ok {
			return r, pipeline.Usage("use a number such as 100 or 137.5", "--allocation-limit: %q is no percentage", s.AllocationLimit)
		}
	}
	r.read = reader.Options{
		Delimiter: s.Delimiter, Encoding: s.Encoding, SkipLines: s.SkipLines, DecimalComma: s.DecimalComma, Unit: s.PercentageUnit,
		Map: s.Map, Source: source, Sources: sources, Detach: r.plan.Op == pipeline.Detach,
	}
	return r, r.read.Check()
}
