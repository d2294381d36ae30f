package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is the version that a release build sets with -ldflags -X.
var release string

type versionCommand struct{}

// Run prints the version and what it was built from. Its first line alone has
// all that a script needs.
func (*versionCommand) Run(a *app) error {
	b := built(debug.ReadBuildInfo())
	text := fmt.Sprintf("corattach %s %s %s/%s\n", b.version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if b.revision != "" {
		text += fmt.Sprintf("commit  %s of %s\n", b.revision, b.time)
	}
	return a.console.Result([]byte(text))
}

// build is what the program was built from. Fields that the build did not
// write down are "".
type build struct {
	version  string // a release, the version of the module, or the commit with + when it was changed
	revision string // the commit
	time     string // of the commit, RFC 3339
}

func version() string { return built(debug.ReadBuildInfo()).version }

// built reads what the linker wrote down, if it did.
func built(info *debug.BuildInfo, found bool) build {
	if !found {
		info = new(debug.BuildInfo)
	}
	b := build{version: release}
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.revision = s.Value
		case s.Key == "vcs.time":
			b.time = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	switch tagged := info.Main.Version; {
	case b.version != "":
	case b.revision != "":
		b.version = "devel-" + b.revision[:min(len(b.revision), 12)] + changed
	case tagged != "" && !strings.HasPrefix(tagged, "("):
		b.version = tagged
	default:
		b.version = "devel"
	}
	return b
}
