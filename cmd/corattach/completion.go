package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shell completion. The scripts of the shells are thin: they hand the words of
// the line to the hidden command __complete and show what it answers. What may
// stand where is read from kong's model, so that it is right for every command
// and flag there is.

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown below the flags.
func (*completionCommand) Help() string {
	return `The script calls corattach itself, which has to be on PATH or named by its path.

` + examples(
		"source <(corattach completion bash)       # in ~/.bashrc",
		"source <(corattach completion zsh)        # in ~/.zshrc, after compinit",
		"corattach completion fish | source        # in ~/.config/fish/config.fish")
}

//go:embed completion/corattach.bash
var bashCompletion string

//go:embed completion/corattach.zsh
var zshCompletion string

//go:embed completion/corattach.fish
var fishCompletion string

// Run prints the script of a shell.
func (c *completionCommand) Run(a *app) error {
	scripts := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	_, err := io.WriteString(a.out, scripts[c.Shell])
	return err
}

type completeCommand struct {
	Words []string `arg:"" optional:""`
}

// Run prints what may stand in place of the last word: its kind in the first
// line and then, for words, a line for each with a description after a tab.
func (c *completeCommand) Run(a *app, ctx *kong.Context) error {
	if len(c.Words) == 0 {
		c.Words = []string{""}
	}
	got := complete(ctx.Model.Node, c.Words, runIDs)
	fmt.Fprintln(a.out, got.kind)
	for _, w := range got.words {
		fmt.Fprintf(a.out, "%s\t%s\n", w.text, w.help)
	}
	return nil
}

// completion is what may stand in place of a word.
type completion struct {
	kind  string // words, files or directories
	words []suggestion
}

type suggestion struct{ text, help string }

const (
	ofWords       = "words"
	ofFiles       = "files"
	ofDirectories = "directories"
)

// complete says what may stand in place of the last of the words after the
// program's name. runs lists the runs of a directory, the newest first.
func complete(root *kong.Node, line []string, runs func(runsDir string) []string) completion {
	p := typed{node: root, runs: runs}
	for _, word := range line[:len(line)-1] {
		p.pass(word)
	}
	current := line[len(line)-1]
	got := p.suggest(current)
	got.words = slices.DeleteFunc(got.words, func(s suggestion) bool { return !strings.HasPrefix(s.text, current) })
	return got
}

// typed is how far a line was read.
type typed struct {
	node       *kong.Node
	awaited    *kong.Flag // the flag whose value comes next
	positional int        // of node
	rest       bool       // after --: flags are over
	runsDir    string     // given with --runs-dir
	runs       func(runsDir string) []string
}

// pass reads one word.
func (p *typed) pass(word string) {
	name, value, assigned := strings.Cut(word, "=")
	child := slices.IndexFunc(p.node.Children, func(n *kong.Node) bool { return n.Name == word })
	switch {
	case p.awaited != nil:
		p.note(p.awaited, word)
		p.awaited = nil
	case !p.rest && word == "--":
		p.rest = true
	case !p.rest && strings.HasPrefix(word, "-") && word != "-":
		flag := p.flag(name)
		switch {
		case flag == nil || flag.IsBool():
		case assigned:
			p.note(flag, value)
		default:
			p.awaited = flag
		}
	case child >= 0:
		p.node, p.positional = p.node.Children[child], 0
	case p.node.Type == kong.ApplicationNode && word == "help":
	default:
		p.positional++
	}
}

func (p *typed) note(flag *kong.Flag, value string) {
	if flag.Name == "runs-dir" {
		p.runsDir = value
	}
}

// flag finds a flag by the word that gives it.
func (p *typed) flag(word string) *kong.Flag {
	for _, flags := range p.node.AllFlags(true) {
		for _, flag := range flags {
			if word == "--"+flag.Name || flag.Short != 0 && word == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

func (p *typed) suggest(current string) completion {
	name, _, assigned := strings.Cut(current, "=")
	switch {
	case p.awaited != nil:
		return flagValues(p.awaited, "")
	case !p.rest && assigned && strings.HasPrefix(current, "--"):
		if flag := p.flag(name); flag != nil {
			return flagValues(flag, name+"=")
		}
		return completion{kind: ofWords}
	case !p.rest && strings.HasPrefix(current, "-"):
		return p.flags()
	case len(p.node.Children) > 0:
		return p.commands()
	case len(p.node.Positional) > 0:
		return p.argument(current)
	}
	return completion{kind: ofWords}
}

func (p *typed) flags() completion {
	got := completion{kind: ofWords}
	for _, flags := range p.node.AllFlags(true) {
		for _, flag := range flags {
			got.words = append(got.words, suggestion{"--" + flag.Name, flag.Help})
		}
	}
	return got
}

func (p *typed) commands() completion {
	got := completion{kind: ofWords}
	for _, child := range p.node.Children {
		if !child.Hidden {
			got.words = append(got.words, suggestion{child.Name, child.Help})
		}
	}
	return got
}

// flagValues are the values of a flag, each after a text: those it is limited
// to, or files, as its name or its placeholder say.
func flagValues(flag *kong.Flag, before string) completion {
	got := completion{kind: ofWords}
	switch {
	case flag.Enum != "":
		for _, value := range flag.EnumSlice() {
			got.words = append(got.words, suggestion{text: before + value})
		}
	case strings.HasSuffix(flag.Name, "-dir"):
		got.kind = ofDirectories
	case strings.HasSuffix(flag.Name, "-file") || flag.PlaceHolder == "FILE":
		got.kind = ofFiles
	}
	return got
}

// argument is what may stand in place of an argument, as its name says.
func (p *typed) argument(current string) completion {
	got := completion{kind: ofWords}
	if last := len(p.node.Positional) - 1; p.positional > last {
		if !p.node.Positional[last].IsCumulative() {
			return got
		}
		p.positional = last
	}
	argument := p.node.Positional[p.positional]
	isRun := strings.HasPrefix(argument.Name, "run")
	switch {
	case argument.Enum != "":
		for _, value := range argument.EnumSlice() {
			got.words = append(got.words, suggestion{text: value})
		}
	case argument.Name == "file":
		got.kind = ofFiles
	case isRun && strings.ContainsRune(current, filepath.Separator):
		got.kind = ofDirectories
	case isRun:
		for _, run := range p.runs(p.runsIn()) {
			got.words = append(got.words, suggestion{text: run})
		}
	}
	return got
}

// runsIn is where the runs are: what --runs-dir says, or what it is without.
func (p *typed) runsIn() string {
	flag := p.flag("--runs-dir")
	if p.runsDir != "" || flag == nil {
		return p.runsDir
	}
	return cmp.Or(flag.Target.String(), flag.Default) // the former is what the environment says
}
