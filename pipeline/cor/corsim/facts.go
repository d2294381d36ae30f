package corsim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

// Fact is something about COR that its pages leave open and that a probe can find, with the words of its findings.
type Fact struct {
	Name     string
	Findings []Finding
}

// Finding is one way COR may be, and the switch that makes the simulator so. Switch is "" where the simulator is so
// without a switch.
type Finding struct{ Word, Switch, Value string }

// Facts lists the facts that LoadFacts understands. A simulator that has no switch set is as the first finding of each
// fact says.
func Facts() []Fact {
	return []Fact{
		fact("attach", "attach", "adds=add", "replaces=replace"),                     // what the request does not name
		fact("repeat", "re-attach", "updates=update", "keeps=keep", "refuses=error"), // the percentage of what is attached already
		fact("listed", "reply-scope", "all=all", "sent=sent"),                        // in the answer; nobody can tell where an attach replaces
		fact("percentage", "percentage", "exact=as-sent", "text=string", "rounded=rounded", "cut=cut", "text-rounded=string-rounded"),
		fact("decimals", "decimals", "0=0", "1=1", "2=2", "3=3"), // of a percentage that is rounded or cut
		fact("over-100", "over-100", "accepted=accept", "refused=400"),
		fact("zero", "zero", "accepted=accept", "refused=400"),
		fact("unknown-workspace", "unknown-workspace", "refused-400=400", "refused-404=404", "left-out=omit", "errors=errors-f", "partial-success=errors-g"),
		fact("unknown-user", "unknown-user", "refused-400=400", "refused-404=404"),
		fact("validation", "validation", "refused-400=400", "refused-417=417", "refused-422=422"), // of a percentage above 100
		fact("id-sources", "identity", "own", "shared=sources"),                                   // whether ids of two sources are one object
		fact("id-case", "identity", "exact", "ignored=case"),
		fact("id-form", "identity", "exact", "nfc=nfc"),
		fact("source-case", "source-case", "exact=exact", "ignored=ignored"), // whether "sap" is SAP
		fact("detach", "", "remaining"),                                      // what it answers with, which COR documents
		fact("second-detach", "re-detach", "accepted=accept", "refused=error"),
	}
}

// fact makes a fact whose findings are words, each with the value of the switch, if it has one, behind "=".
func fact(name, turns string, findings ...string) Fact {
	f := Fact{Name: name}
	for _, finding := range findings {
		one := Finding{Word: finding}
		if word, value, ok := strings.Cut(finding, "="); ok {
			one = Finding{word, turns, value}
		}
		f.Findings = append(f.Findings, one)
	}
	return f
}

// LoadFacts turns the switches that make a simulator behave as a probe has found COR to. It reads a JSON document
// {"facts":[{"fact":"repeat","finding":"keeps"}]} and ignores its other names. The finding "unknown" turns no switch.
// A fact or finding that Facts does not list is an error, as are two findings of one fact.
func (c *Config) LoadFacts(r io.Reader) error {
	var document struct {
		Facts []struct {
			Fact    string `json:"fact"`
			Finding string `json:"finding"`
		} `json:"facts"`
	}
	if err := json.UnmarshalRead(r, &document); err != nil {
		return err
	}
	if document.Facts == nil {
		return errors.New(`the document has no "facts"`)
	}
	known := make(map[[2]string]Finding)
	for _, f := range Facts() {
		for _, finding := range append(f.Findings, Finding{Word: "unknown"}) {
			known[[2]string{f.Name, finding.Word}] = finding
		}
	}
	values := make(map[string][]string)
	for _, found := range document.Facts {
		f, ok := known[[2]string{found.Fact, found.Finding}]
		if !ok {
			return fmt.Errorf("no fact %q has the finding %q", found.Fact, found.Finding)
		}
		values[f.Switch] = append(values[f.Switch], f.Value)
	}
	delete(values, "")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if err := c.Set(name, strings.Join(values[name], ",")); err != nil {
			return err
		}
	}
	return nil
}
