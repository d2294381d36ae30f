// Package completion tells a shell what may stand in place of a word of the command
// line. The scripts of the shells are thin: they hand the words of the line to the
// program and show what it answers. What may stand where is read from kong's model,
// so that it is right for every command and flag there is.
package completion

import (
	"cmp"
	"embed"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
)

//go:embed corattach.bash corattach.zsh corattach.fish
var scripts embed.FS

// Script returns the script of a shell: bash, zsh or fish; nil for any other.
func Script(shell string) []byte {
	script, _ := scripts.ReadFile("corattach." + shell)
	return script
}

// What may stand in place of a word.
const (
	ofWords       = "words"
	ofFiles       = "files"
	ofDirectories = "directories"
)

// Suggestion is a word that may stand there, and what it means.
type Suggestion struct{ Text, Help string }

// Complete says what may stand in place of the last of the words after the
// program's name: its kind, and the words. list lists the runs of a directory, the
// newest first.
func Complete(root *kong.Node, line []string, list func(runsDir string) []Suggestion) (kind string, words []Suggestion) {
	p := typed{node: root}
	for _, word := range line[:len(line)-1] {
		p.pass(word)
	}
	runs := func() []Suggestion { return list(cmp.Or(settings.Read(line).Early("runs-dir"), "runs")) }
	current := line[len(line)-1]
	name, value, assigned := strings.Cut(current, "=")
	arguments, last := p.node.Positional, len(p.node.Positional)-1
	kind = ofWords
	switch flag := p.flag(name); {
	case p.awaited != nil:
		kind, words = values(p.awaited.Value, current, "", runs)
	case flag != nil && assigned:
		kind, words = values(flag.Value, value, name+"=", runs)
	case p.isFlag(current):
		for _, flag := range slices.Concat(p.node.AllFlags(true)...) {
			words = append(words, Suggestion{"--" + flag.Name, flag.Help})
		}
	case len(p.node.Children) > 0:
		for _, child := range p.node.Children {
			if !child.Hidden {
				words = append(words, Suggestion{child.Name, child.Help})
			}
		}
	case p.positional <= last || last >= 0 && arguments[last].IsCumulative():
		kind, words = values(arguments[min(p.positional, last)], current, "", runs)
	}
	return kind, slices.DeleteFunc(words, func(s Suggestion) bool { return !strings.HasPrefix(s.Text, current) })
}

// typed is how far a line was read.
type typed struct {
	node       *kong.Node
	awaited    *kong.Flag // the flag whose value comes next
	positional int        // of node
	rest       bool       // after --: flags are over
}

// pass reads one word.
func (p *typed) pass(word string) {
	child := slices.IndexFunc(p.node.Children, func(n *kong.Node) bool { return n.Name == word })
	switch {
	case p.awaited != nil:
		p.awaited = nil
	case p.isFlag(word) && word != "-":
		p.rest, p.awaited = word == "--", p.flag(word)
	case child >= 0:
		p.node, p.positional = p.node.Children[child], 0
	case p.node.Type != kong.ApplicationNode:
		p.positional++
	}
}

func (p *typed) isFlag(word string) bool { return !p.rest && strings.HasPrefix(word, "-") }

// flag finds a flag that takes a value, nil when there is none.
func (p *typed) flag(word string) *kong.Flag {
	for _, flag := range slices.Concat(p.node.AllFlags(true)...) {
		if word == "--"+flag.Name && !flag.IsBool() && !p.rest {
			return flag
		}
	}
	return nil
}

// values are what a flag or an argument can be, each after a text: what it is
// limited to, runs or files, as its name or its placeholder say.
func values(v *kong.Value, current, before string, runs func() []Suggestion) (kind string, words []Suggestion) {
	isRun := v.Name == "run" || strings.HasPrefix(v.Name, "run-")
	switch {
	case v.Enum != "":
		for _, value := range v.EnumSlice() {
			words = append(words, Suggestion{Text: before + value})
		}
	case strings.HasSuffix(v.Name, "-dir"), isRun && strings.ContainsRune(current, filepath.Separator):
		return ofDirectories, nil
	case v.Name == "file", strings.HasSuffix(v.Name, "-file"), v.Flag != nil && v.Flag.PlaceHolder == "FILE":
		return ofFiles, nil
	case isRun:
		return ofWords, runs()
	}
	return ofWords, words
}
