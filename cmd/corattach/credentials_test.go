//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"corattach/pipeline"
)

// TestSecretFiles: a secret comes from a regular file of bounded size that nobody
// else can write; all else is refused at once, by name.
func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		okay(t, os.WriteFile(path, []byte(content), 0o600))
		okay(t, os.Chmod(path, mode))
		return path
	}
	fifo := filepath.Join(dir, "fifo")
	okay(t, syscall.Mkfifo(fifo, 0o600))
	link := filepath.Join(dir, "link")
	okay(t, os.Symlink(file("target", "key", 0o400), link))
	for name, c := range map[string]struct {
		path string
		want string // the secret, or a piece of the complaint
		warn bool
		bad  bool
	}{
		"mine alone":            {path: file("good", "key", 0o600), want: "key"},
		"whitespace around":     {path: file("blanks", "\r\n key \n\n", 0o600), want: "key"},
		"a group can read":      {path: file("group", "key", 0o640), want: "key"},
		"a mounted one":         {path: link, want: "key"},
		"everybody can read":    {path: file("all", "key", 0o644), want: "key", warn: true},
		"a group can write":     {path: file("writable", "key", 0o620), want: "others can write", bad: true},
		"everybody can write":   {path: file("open", "key", 0o602), want: "others can write", bad: true},
		"a named pipe":          {path: fifo, want: "is no regular file", bad: true},
		"a device":              {path: "/dev/zero", want: "is no regular file", bad: true},
		"a directory":           {path: dir, want: "is no regular file", bad: true},
		"empty":                 {path: file("empty", " \n", 0o600), want: "is empty", bad: true},
		"too large":             {path: file("large", strings.Repeat("k", maxSecret+1), 0o600), want: "is larger than 64 KiB", bad: true},
		"as large as it may be": {path: file("whole", strings.Repeat("k", maxSecret), 0o600), want: strings.Repeat("k", maxSecret)},
		"not there":             {path: filepath.Join(dir, "nowhere"), want: "no such file", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("COR_API_KEY", "")
			t.Setenv("COR_API_KEY_FILE", "  "+c.path+"\n")
			var errs strings.Builder
			a := newTestApp(&errs)
			began := time.Now()
			got, err := a.secret("COR_API_KEY")
			if time.Since(began) > 5*time.Second {
				t.Error("it waits for it")
			}
			switch {
			case c.bad && (err == nil || failureOf(err).Code != pipeline.ExitUsage || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "COR_API_KEY_FILE")):
				t.Errorf("%q, %v", got, err)
			case !c.bad && (err != nil || got != c.want):
				t.Errorf("%q, %v", got, err)
			case strings.Contains(errs.String(), "everybody can read") != c.warn:
				t.Errorf("it says %q", errs.String())
			}
		})
	}
}

// TestOneSetOfCredentials: there has to be exactly one.
func TestOneSetOfCredentials(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	okay(t, os.WriteFile(file, []byte("from-the-file\n"), 0o600))
	for name, c := range map[string]struct {
		env       map[string]string
		tokenFile string
		want      string // where they come from, or the complaint
		bad       bool
	}{
		"none":                 {want: "no credentials", bad: true},
		"blank ones":           {env: map[string]string{"COR_API_KEY": " ", "COR_ACCESS_TOKEN": "\n"}, want: "no credentials", bad: true},
		"key and secret":       {env: map[string]string{"COR_API_KEY": "k", "COR_CLIENT_SECRET": "s"}, want: "COR_API_KEY with COR_CLIENT_SECRET"},
		"key, secret mounted":  {env: map[string]string{"COR_API_KEY": "k", "COR_CLIENT_SECRET_FILE": file}, want: "COR_API_KEY with COR_CLIENT_SECRET"},
		"key alone":            {env: map[string]string{"COR_API_KEY": "k"}, want: "COR_API_KEY without COR_CLIENT_SECRET", bad: true},
		"secret alone":         {env: map[string]string{"COR_CLIENT_SECRET_FILE": file}, want: "COR_CLIENT_SECRET without COR_API_KEY", bad: true},
		"a token":              {env: map[string]string{"COR_ACCESS_TOKEN": "t"}, want: "COR_ACCESS_TOKEN"},
		"a mounted token":      {env: map[string]string{"COR_ACCESS_TOKEN_FILE": file}, want: "COR_ACCESS_TOKEN"},
		"a token file":         {tokenFile: file, want: "--token-file " + file},
		"one of them twice":    {env: map[string]string{"COR_ACCESS_TOKEN": "t", "COR_ACCESS_TOKEN_FILE": file}, want: "two credentials at once: COR_ACCESS_TOKEN and COR_ACCESS_TOKEN_FILE", bad: true},
		"a token and a file":   {env: map[string]string{"COR_ACCESS_TOKEN_FILE": file}, tokenFile: file, want: "two credentials at once: COR_ACCESS_TOKEN and --token-file", bad: true},
		"a token and a key":    {env: map[string]string{"COR_ACCESS_TOKEN": "t", "COR_API_KEY_FILE": file}, want: "two credentials at once: COR_API_KEY with COR_CLIENT_SECRET and COR_ACCESS_TOKEN", bad: true},
		"a key that is a pipe": {env: map[string]string{"COR_API_KEY_FILE": "/dev/null"}, want: "COR_API_KEY_FILE: /dev/null is no regular file", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range []string{"COR_API_KEY", "COR_CLIENT_SECRET", "COR_ACCESS_TOKEN"} {
				t.Setenv(variable, "")
				t.Setenv(variable+"_FILE", "")
			}
			for variable, value := range c.env {
				t.Setenv(variable, value)
			}
			a := newTestApp(new(strings.Builder))
			got, err := a.credentials(c.tokenFile)
			if c.bad && (err == nil || err.Error() != c.want) || !c.bad && (err != nil || got.from != c.want) {
				t.Errorf("%q, %v, want %q", got.from, err, c.want)
			}
		})
	}
}
