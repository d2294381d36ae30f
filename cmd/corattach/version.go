package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"
)

// release is the version that a release build sets with -ldflags -X.
var release string

type versionCommand struct {
	JSON bool `group:"Output" name:"json" help:"Print it as one JSON document."`
}

// Help is shown below the flags.
func (*versionCommand) Help() string { return examples("corattach version --json") }

// build is what the program was built from. Fields that the build did not
// write down are "" or null.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // the commit
	Time     string `json:"time"`     // of the commit, RFC 3339
	Modified *bool  `json:"modified"` // whether the work tree differed from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Run prints the version and what it was built from. Its first line alone has
// all that a script needs.
func (c *versionCommand) Run(a *app) error {
	info, _ := debug.ReadBuildInfo()
	b := buildOf(info)
	return a.print(c.JSON, b, b.write)
}

func (b build) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "corattach %s %s %s\n", b.Version, b.Go, b.Platform)
	if b.Revision != "" {
		changed := ""
		if b.Modified != nil && *b.Modified {
			changed = ", with changes that are not in it"
		}
		fmt.Fprintf(t, "commit\t%s of %s%s\n", b.Revision, b.Time, changed)
	}
	return t.Flush()
}

// version names what was built: a release, the version of the module, or the
// commit with + when it was changed.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return buildOf(info).Version
}

// buildOf reads what the linker wrote down; nil is nothing.
func buildOf(info *debug.BuildInfo) build {
	b := build{Version: release, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		info = new(debug.BuildInfo)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = new(s.Value == "true")
		}
	}
	switch tagged := info.Main.Version; {
	case b.Version != "":
	case b.Revision != "":
		b.Version = "devel-" + b.Revision[:min(len(b.Revision), 12)]
		if b.Modified != nil && *b.Modified {
			b.Version += "+"
		}
	case tagged != "" && !strings.HasPrefix(tagged, "("):
		b.Version = tagged
	default:
		b.Version = "devel"
	}
	return b
}
