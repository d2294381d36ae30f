package corsim

import (
	"fmt"
	"strings"
	"testing"
)

// probing asks, through the API alone, whatever tells the findings of Facts apart.
func probing() []sent {
	const item = `{"workspaceId":%q,"percentage":%s}`
	ask := func(source string, items ...string) sent {
		return attach("U1", `{"workspaces":[`+strings.Join(items, ",")+`],"metadata":{"source":"`+source+`"}}`)
	}
	one := func(workspace, percentage string) string { return fmt.Sprintf(item, workspace, percentage) }
	off := func(workspaces string) sent {
		return detach("U1", `{"workspaces":[`+workspaces+`],"metadata":{"source":"SAP"}}`)
	}
	return []sent{
		ask("SAP", one("W\u00e9", "10")),
		ask("SAP", one("W\u00e9", "20")),
		ask("SAP", one("V", "66.6667")),
		off(`"V"`), off(`"V"`), off(`"W\u00e9"`),
		ask("SAP", one("V", "0")), off(`"V"`),
		ask("SAP", one("V", "60"), one("W\u00e9", "60")), off(`"V"`), off(`"W\u00e9"`),
		ask("SAP", one("V", "1"), one("GHOST", "2")), off(`"V"`),
		ask("SAP", one("V", "101")),
		attach("GHOST", `{"workspaces":[`+one("V", "3")+`],"metadata":{"source":"SAP"}}`),
		ask("OKTA", one("W\u00e9", "4")), ask("SAP", one("w\u00e9", "5")), ask("SAP", one("We\u0301", "6")),
		ask("sap", one("V", "7")),
	}
}

// transcript is what a simulator with these facts answers to probing.
func transcript(t *testing.T, found ...string) string {
	t.Helper()
	known := new(Known)
	known.Add("U1", "SAP", "W\u00e9")
	known.Add("", "SAP", "V")
	config := Config{Known: known}
	if err := config.LoadFacts(strings.NewReader(`{"run_id":"x","facts":[` + strings.Join(found, ",") + `]}`)); err != nil {
		t.Fatal(err)
	}
	s := simulate(t, config)
	var all strings.Builder
	for _, q := range probing() {
		all.WriteString(ask(t, s, q) + "\n")
	}
	return all.String()
}

func told(f Fact, word string) string { return fmt.Sprintf(`{"fact":%q,"finding":%q}`, f.Name, word) }

// A probe can tell every finding of every fact from the others, whatever one other fact is.
func TestEveryFindingShows(t *testing.T) {
	for _, f := range Facts() {
		for _, other := range Facts() {
			for _, given := range other.Findings {
				if other.Name == f.Name || meaningless(f, given) {
					continue
				}
				beside := []string{told(other, given.Word)}
				if f.Name == "decimals" && other.Name != "percentage" {
					beside = append(beside, `{"fact":"percentage","finding":"rounded"}`)
				}
				seen := make(map[string]string)
				for _, finding := range f.Findings {
					text := transcript(t, append([]string{told(f, finding.Word)}, beside...)...)
					if before, ok := seen[text]; ok {
						t.Errorf("%s: nobody can tell %s from %s where %s is %s", f.Name, before, finding.Word, other.Name, given.Word)
					}
					seen[text] = finding.Word
				}
			}
		}
	}
}

// meaningless says whether a fact means nothing beside a finding of another one.
func meaningless(f Fact, given Finding) bool {
	switch f.Name {
	case "listed":
		return given.Word == "replaces"
	case "decimals":
		return given.Switch == "percentage" && (given.Word == "exact" || given.Word == "text")
	}
	return false
}

func TestFactsBeginWithTheDefaults(t *testing.T) {
	var first []string
	for _, f := range Facts() {
		first = append(first, told(f, f.Findings[0].Word))
	}
	if transcript(t, first...) != transcript(t) {
		t.Error("the first findings are not the defaults")
	}
}

func TestLoadFacts(t *testing.T) {
	var c Config
	document := `{"evidence":[],"facts":[{"fact":"repeat","finding":"keeps","consequence":"--repair"},{"fact":"zero","finding":"unknown"},
		{"fact":"id-case","finding":"ignored"},{"fact":"id-form","finding":"exact"},{"fact":"id-sources","finding":"shared"}]}`
	if err := c.LoadFacts(strings.NewReader(document)); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.chosen); got != "map[identity:case,sources re-attach:keep]" {
		t.Errorf("switches %s", got)
	}
	for text, want := range map[string]string{
		`{"facts":[{"fact":"repeat","finding":"maybe"}]}`:                                      `no fact "repeat" has the finding "maybe"`,
		`{"facts":[{"fact":"zero","finding":"refused"},{"fact":"weather","finding":"fine"}]}`:  `no fact "weather" has the finding "fine"`,
		`{"facts":[{"fact":"zero","finding":"refused"},{"fact":"zero","finding":"accepted"}]}`: `switch "zero": "400,accept" is none of accept, 400`,
		`{}`:          `the document has no "facts"`,
		`{"facts":[}`: "jsontext: ",
	} {
		var c Config
		if err := c.LoadFacts(strings.NewReader(text)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestFindingsAreSwitches holds the table of facts against that of switches.
func TestFindingsAreSwitches(t *testing.T) {
	for _, f := range Facts() {
		for _, finding := range f.Findings {
			var c Config
			if finding.Switch == "" {
				continue
			}
			if err := c.Set(finding.Switch, finding.Value); err != nil {
				t.Errorf("%s: %s: %v", f.Name, finding.Word, err)
			}
		}
	}
}
