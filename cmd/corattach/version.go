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

// Run prints the version and what it was built from. Its first line alone has
// all that a script needs.
func (*versionCommand) Run(a *app) error {
	version, commit, at := built()
	text := fmt.Sprintf("corattach %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	if commit != "" {
		text += fmt.Sprintf("commit  %s of %s\n", commit, at)
	}
	return a.console.Result([]byte(text))
}

// built is what the program was built from: the release or, of any other build, what
// Go calls the commit; the commit and its time, "" where the build did not write them
// down.
func built() (version, commit, at string) {
	info, found := debug.ReadBuildInfo()
	if !found {
		info = new(debug.BuildInfo)
	}
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return cmp.Or(release, strings.Trim(info.Main.Version, "()"), "devel"), settings["vcs.revision"], settings["vcs.time"]
}

func version() string {
	version, _, _ := built()
	return version
}

// agent is the User-Agent of all requests.
func agent() string { return "corattach/" + version() }
