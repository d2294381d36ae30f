package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// release is the version that a release build sets with -ldflags -X.
var release string

type versionCommand struct{}

// Run prints the version and what it was built with.
func (*versionCommand) Run(a *app) error {
	return a.console.Result(fmt.Appendf(nil, "corattach %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH))
}

// agent is the User-Agent of all requests.
func agent() string { return "corattach/" + version() }

// version is that of the release or, of any other build, what Go calls the commit.
func version() string {
	version := release
	if info, found := debug.ReadBuildInfo(); found && release == "" {
		version = strings.Trim(info.Main.Version, "()")
	}
	return cmp.Or(version, "devel")
}
