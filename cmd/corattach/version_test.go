package main

import (
	"runtime/debug"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestBuild holds the version to what the linker wrote down, which no test can
// choose for the program itself.
func TestBuild(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	settings := func(pairs ...string) (s []debug.BuildSetting) {
		for i := 0; i < len(pairs); i += 2 {
			s = append(s, debug.BuildSetting{Key: pairs[i], Value: pairs[i+1]})
		}
		return s
	}
	for name, test := range map[string]struct {
		info *debug.BuildInfo
		want build
	}{
		"nothing":  {nil, build{version: "devel"}},
		"no vcs":   {&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, build{version: "devel"}},
		"a module": {&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, build{version: "v1.2.3"}},
		"a commit": {
			&debug.BuildInfo{Settings: settings("vcs", "git", "vcs.revision", commit, "vcs.time", "2026-11-23T03:15:00Z", "vcs.modified", "false")},
			build{version: "devel-0123456789ab", revision: commit, time: "2026-11-23T03:15:00Z"},
		},
		"a changed commit": {
			&debug.BuildInfo{Main: debug.Module{Version: "v0.0.0-2026+dirty"}, Settings: settings("vcs.revision", commit, "vcs.modified", "true")},
			build{version: "devel-0123456789ab+", revision: commit},
		},
	} {
		if diff := gocmp.Diff(test.want, built(test.info, test.info != nil), gocmp.AllowUnexported(build{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
