// Package completion tells a shell what may stand in place of a word of the command
// line. The scripts of the shells are thin: they hand the words of the line to the
// program and show what it answers. What may stand where is read from kong's model,
// so that it is right for every command and flag there is.
package completion

import (
	"cmp"
	_ "embed"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"corattach/cmd/corattach/settings"
)

//go:embed corattach.bash
var bash []byte

//go:embed corattach.zsh
var zsh []byte

//go:embed corattach.fish
var fish []byte

// Script returns the script of a shell: bash, zsh or fish; nil for any other.
func Script(shell string) []byte {
	return map[string][]byte{"bash": bash, "zsh": zsh, "fish": fish}[shell]
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
// program's name: its kind, and the words. list lists the runs of a directory,
// the newest first. It may be called from several goroutines.
func Complete(root *kong.Node, line []string, list func(runsDir string) []Suggestion) (kind string, words []Suggestion) {
	p := typed{node: root, list: list}
	for _, word := range line[:len(line)-1] {
		p.pass(word)
	}
	current := line[len(line)-1]
	kind, words = p.suggest(current)
	return kind, slices.DeleteFunc(words, func(s Suggestion) bool { return !strings.HasPrefix(s.Text, current) })
}

// typed is how far a line was read.
type typed struct {
	node       *kong.Node
	awaited    *kong.Flag // the flag whose value comes next
	positional int        // of node
	rest       bool       // after --: flags are over
	runsDir    string     // given with --runs-dir
	list       func(runsDir string) []Suggestion
}

// pass reads one word.
func (p *typed) pass(word string) {
	name, value, assigned := strings.Cut(word, "=")
	child := slices.IndexFunc(p.node.Children, func(n *kong.Node) bool { return n.Name == word })
	flag := p.flag(name)
	switch {
	case p.awaited != nil:
		p.note(p.awaited, word)
		p.awaited = nil
	case !p.rest && word == "--":
		p.rest = true
	case !p.rest && strings.HasPrefix(word, "-") && word != "-":
		if assigned && flag != nil {
			p.note(flag, value)
		} else if flag != nil && !flag.IsBool() {
			p.awaited = flag
		}
	case child >= 0:
		p.node, p.positional = p.node.Children[child], 0
	case p.node.Type != kong.ApplicationNode:
		p.positional++
	}
}

func (p *typed) note(flag *kong.Flag, value string) {
	if flag.Name == "runs-dir" {
		p.runsDir = value
	}
}

// flags are those that can stand here.
func (p *typed) flags() []*kong.Flag { return slices.Concat(p.node.AllFlags(true)...) }

// flag finds a flag by the word that gives it, nil when there is none.
func (p *typed) flag(word string) *kong.Flag {
	flags := p.flags()
	i := slices.IndexFunc(flags, func(f *kong.Flag) bool { return word == "--"+f.Name || f.Short != 0 && word == "-"+string(f.Short) })
	if i < 0 {
		return nil
	}
	return flags[i]
}

func (p *typed) suggest(current string) (kind string, words []Suggestion) {
	name, value, assigned := strings.Cut(current, "=")
	switch {
	case p.awaited != nil:
		return p.values(p.awaited.Value, current, "")
	case !p.rest && assigned && strings.HasPrefix(current, "--"):
		if flag := p.flag(name); flag != nil {
			return p.values(flag.Value, value, name+"=")
		}
	case !p.rest && strings.HasPrefix(current, "-"):
		for _, flag := range p.flags() {
			words = append(words, Suggestion{"--" + flag.Name, flag.Help})
		}
	case len(p.node.Children) > 0:
		for _, child := range p.node.Children {
			if !child.Hidden {
				words = append(words, Suggestion{child.Name, child.Help})
			}
		}
	case len(p.node.Positional) > 0:
		last := len(p.node.Positional) - 1
		if argument := p.node.Positional[min(p.positional, last)]; p.positional <= last || argument.IsCumulative() {
			return p.values(argument, current, "")
		}
	}
	return ofWords, words
}

// values are what a flag or an argument can be, each after a text: what it is
// limited to, runs or files, as its name or its placeholder say.
func (p *typed) values(v *kong.Value, current, before string) (kind string, words []Suggestion) {
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
		return ofWords, p.list(cmp.Or(p.runsDir, settings.Environment(settings.Variable("runs-dir")), "runs"))
	}
	return ofWords, words
}
