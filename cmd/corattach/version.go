package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version that a release build sets with -ldflags -X.
var release string

type versionCommand struct{}

// Run prints the version and what it was built from.
func (*versionCommand) Run(a *app) error {
	_, err := fmt.Fprintf(a.out, "corattach %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version names what was built: a release, or the commit with + when it was
// changed.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if commit == "" {
		return "devel"
	}
	return "devel-" + commit[:min(len(commit), 12)] + changed
}
