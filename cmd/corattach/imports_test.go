package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "corattach"

// importRule says where an import may stand.
type importRule struct {
	imports string   // a package; with /... those below it too
	only    []string // packages, or files of one, that may import it
	why     string
}

func importRules() []importRule {
	const (
		cmd      = module + "/cmd/corattach"
		console  = cmd + "/console"
		monitor  = cmd + "/monitor"
		complete = cmd + "/completion"
		settings = cmd + "/settings"
		runs     = module + "/pipeline/runs"
		copies   = runs + "/inputcopy"
		lock     = runs + "/lock"
		send     = module + "/pipeline/send"
		cor      = module + "/pipeline/cor"
		corsim   = module + "/pipeline/cor/corsim"
		report   = module + "/report"
	)
	const rooms = "runs puts the rooms together, and no room knows another; "
	return []importRule{
		{module + "/reader/...", []string{runs, copies, cmd}, rooms + "cmd checks flags with the reader's own rules"},
		{module + "/pipeline/plan/...", []string{runs}, rooms + "a plan is made in runs alone"},
		{send, []string{runs, cmd}, rooms + "cmd fills in its settings"},
		{module + "/pipeline/verdict", []string{runs, send}, rooms + "send asks for verdicts for its guards, and runs keeps them"},
		{module + "/pipeline/journal/...", []string{runs, cmd}, rooms + "cmd reads the settings in a run's header"},
		{module + "/pipeline/ledger/...", []string{runs}, rooms + "what COR said last counts in runs alone"},
		{module + "/pipeline/probe", []string{runs, cmd}, rooms + "cmd prints what it has found"},
		{cor, []string{runs, cmd}, rooms + "cmd makes the client"},
		{corsim + "/...", []string{cmd}, "only cmd serves the simulator: the client must not know its stand-in"},
		{report + "/...", []string{runs, copies, lock, console, monitor, cmd}, rooms + "cmd and its packages print reports"},
		{runs, []string{cmd}, "runs is below cmd and above all other rooms"},
		{module + "/cmd/...", []string{cmd}, "nothing below cmd knows it"},
		{module + "/samples/...", nil, "samples are no part of the program"},
		{"net/http/...", []string{cor, corsim, monitor, cmd + "/connect.go", cmd + "/simulate.go"},
			"client and simulator speak HTTP; cmd connects the two, serves the latter, and pings a monitor that is not COR"},
		{"github.com/rs/zerolog/...", []string{console}, "one mouth: libraries report through callbacks"},
		{"github.com/schollz/progressbar/...", []string{console}, "one mouth: libraries draw nothing"},
		{"golang.org/x/term", []string{console}, "whether there is a terminal matters to the console alone"},
		{"github.com/alecthomas/kong/...", []string{cmd, complete, settings}, "flags are read in one place, settings are arguments elsewhere"},
		{"go.yaml.in/yaml/...", []string{settings}, "a configuration file sets flags and nothing else; no other file is YAML"},
		{"os/signal", []string{cmd + "/signals.go"}, "a signal becomes the end of a context in one place"},
		{"github.com/gofrs/flock", []string{lock}, "there is one lock, that of a runs directory"},
		{"go.etcd.io/bbolt/...", []string{module + "/pipeline/ledger"}, "how the ledger is stored is its own business"},
		{"golang.org/x/sync/errgroup", []string{send + "/runner.go", report + "/report.go"},
			"goroutines start in few, named places: the workers that send, and the writers of the reports"},
		{"golang.org/x/time/rate", []string{send + "/ratelimit.go", corsim}, "one waiter: a limit that others could wait on can't be changed for them; the simulator never waits"},
		{"html/template", []string{report + "/page"}, "there is one page, and what stands in cells stays text in it"},
		{"github.com/chromedp/...", nil, "the browser is for tests: it must not get into the program"},
		{"github.com/gocarina/gocsv", []string{module + "/reader"}, "it makes rows of records, and that is done in reader"},
		{"github.com/gabriel-vasile/mimetype", []string{module + "/reader"}, "what a file is matters to who reads it"},
		{"log/...", []string{cmd + "/main.go", cmd + "/connect.go"},
			"zerolog is what logs, in the console: main silences what libraries log, but for the faults of the simulator's server"},
		{"flag", nil, "kong is what reads flags"},
	}
}

// goPackage is what go list tells of a package.
type goPackage struct {
	Dir        string
	ImportPath string
	Name       string
	GoFiles    []string
	Imports    []string
}

// listPackages lists the packages of the program; what stands in samples is none.
func listPackages(t *testing.T) []goPackage {
	list := exec.Command("go", "list", "-json=Dir,ImportPath,Name,GoFiles,Imports", module+"/...")
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var packages []goPackage
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !under(module+"/samples/...", p.ImportPath) {
			packages = append(packages, p)
		}
	}
	if len(packages) < 6 {
		t.Fatalf("go list finds %d packages only", len(packages))
	}
	return packages
}

// under reports whether a package is the one a pattern names, or stands below it
// when the pattern ends in /...
func under(pattern, name string) bool {
	root, below := strings.CutSuffix(pattern, "/...")
	return name == root || below && strings.HasPrefix(name, root+"/")
}

// TestImports holds the packages to the rules of the house.
func TestImports(t *testing.T) {
	packages := listPackages(t)
	forbidden := []string{"util", "utils", "common", "helper", "helpers", "types", "model", "models"}
	for _, p := range packages {
		if slices.Contains(forbidden, p.Name) || slices.Contains(forbidden, path.Base(p.ImportPath)) {
			t.Errorf("%s: no package is named %s: a name says what is in it", p.ImportPath, p.Name)
		}
		for _, file := range p.GoFiles {
			for _, imported := range fileImports(t, filepath.Join(p.Dir, file)) {
				checkImport(t, p.ImportPath, file, imported)
			}
		}
	}
	for _, r := range importRules() {
		for _, place := range r.only {
			if !slices.ContainsFunc(packages, func(p goPackage) bool { return p.ImportPath == place || p.ImportPath == path.Dir(place) }) {
				t.Errorf("the rule on %s names %s, which is not there", r.imports, place)
			}
		}
	}
}

func checkImport(t *testing.T, importer, file, imported string) {
	ours := under(module+"/...", imported)
	switch {
	case importer == module+"/pipeline" && ours:
		t.Errorf("%s/%s imports %s: pipeline is the centre and imports nothing of ours", importer, file, imported)
	case importer == module+"/pipeline/cor/corsim" && ours:
		t.Errorf("%s/%s imports %s: a wrong wire struct must not agree with itself", importer, file, imported)
	}
	for _, r := range importRules() {
		if under(r.imports, imported) && !under(r.imports, importer) &&
			!slices.Contains(r.only, importer) && !slices.Contains(r.only, importer+"/"+file) {
			t.Errorf("%s/%s imports %s: %s", importer, file, imported, r.why)
		}
	}
}

func fileImports(t *testing.T, file string) []string {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		imports = append(imports, imported)
	}
	return imports
}

// callRule says where a function of the os package may be called.
type callRule struct {
	names []string
	only  string // a package, with /... those below it too, or a file of one
	why   string
}

func callRules() []callRule {
	return []callRule{
		{[]string{"Exit"}, module + "/cmd/corattach/main.go", "one place exits"},
		{[]string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}, module + "/cmd/...", "the environment is read in cmd, settings are arguments elsewhere"},
		{[]string{"Stdin", "Stdout", "Stderr"}, module + "/cmd/corattach/main.go", "a program talks through the streams it is given"},
	}
}

// TestOS holds the packages to the rules on the process they run in.
func TestOS(t *testing.T) {
	for _, p := range listPackages(t) {
		for _, file := range p.GoFiles {
			set := token.NewFileSet()
			parsed, err := parser.ParseFile(set, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				selector, ok := node.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if from, ok := selector.X.(*ast.Ident); !ok || from.Name != "os" {
					return true
				}
				for _, r := range callRules() {
					if slices.Contains(r.names, selector.Sel.Name) && !under(r.only, p.ImportPath) && r.only != p.ImportPath+"/"+file {
						t.Errorf("%s/%s line %d uses os.%s: %s", p.ImportPath, file, set.Position(node.Pos()).Line, selector.Sel.Name, r.why)
					}
				}
				return true
			})
		}
	}
}
