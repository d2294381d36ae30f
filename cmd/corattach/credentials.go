package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"strings"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline"
	"corattach/pipeline/cor"
)

const credentialsHint = "set COR_API_KEY and COR_CLIENT_SECRET, or COR_ACCESS_TOKEN, or give --token-file; an import with --simulate or --dry-run needs none"

// credentials are those that were given, and where.
type credentials struct {
	cor.Credentials
	from string
}

// credentials reads the one set of credentials there must be.
func (a *app) credentials(tokenFile string) (c credentials, err error) {
	var errs [3]error
	c.APIKey, errs[0] = a.secret("COR_API_KEY")
	c.ClientSecret, errs[1] = a.secret("COR_CLIENT_SECRET")
	c.AccessToken, errs[2] = a.secret("COR_ACCESS_TOKEN")
	if err := cmp.Or(errs[:]...); err != nil {
		return c, err
	}
	var set []string
	if c.APIKey != "" || c.ClientSecret != "" {
		set = append(set, "COR_API_KEY with COR_CLIENT_SECRET")
	}
	if c.AccessToken != "" {
		set = append(set, "COR_ACCESS_TOKEN")
	}
	if tokenFile != "" {
		set = append(set, "--token-file")
	}
	c.from = strings.Join(set, " and ")
	switch {
	case len(set) == 0:
		return c, pipeline.Usage(credentialsHint, "no credentials")
	case len(set) > 1:
		return c, pipeline.Usage("keep one of them", "two credentials at once: %s", c.from)
	case c.APIKey != "" && c.ClientSecret == "":
		return c, pipeline.Usage("set COR_CLIENT_SECRET too", "COR_API_KEY without COR_CLIENT_SECRET")
	case c.APIKey == "" && c.ClientSecret != "":
		return c, pipeline.Usage("set COR_API_KEY too", "COR_CLIENT_SECRET without COR_API_KEY")
	case tokenFile != "":
		c.from += " " + tokenFile
		c.AccessToken, err = a.secretFile("--token-file", tokenFile)
	}
	return c, err
}

// secret reads a variable, or the file that the variable with _FILE behind its
// name names; "" when neither is set.
func (a *app) secret(name string) (string, error) {
	value, path := settings.Environment(name), settings.Environment(name+"_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", pipeline.Usage("keep one of them", "two credentials at once: %s and %s_FILE", name, name)
	}
	return a.secretFile(name+"_FILE", path)
}

// maxSecret bounds a file with a secret, in bytes.
const maxSecret = 64 << 10

// secretFile reads a secret: a regular file that others can't write. Surrounding
// whitespace is ignored.
func (a *app) secretFile(name, path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", pipeline.Usage("check the path and who may read it", "%s: %w", name, err)
	case !info.Mode().IsRegular():
		return "", pipeline.Usage("name a regular file that holds the secret", "%s: %s is no regular file", name, path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return "", pipeline.Usage("chmod go-w "+path, "%s: others can write %s", name, path)
	case info.Size() > maxSecret:
		return "", pipeline.Usage("name a file that holds the secret alone", "%s: %s is larger than 64 KiB", name, path)
	case info.Mode().Perm()&0o004 != 0 && ownedByCaller(info):
		a.console.Warn(fmt.Sprintf("%s: everybody can read %s", name, path), "chmod o-r "+path)
	}
	content, err := os.ReadFile(path)
	secret := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		return "", pipeline.Usage("check who may read it", "%s: %w", name, err)
	case secret == "":
		return "", pipeline.Usage("put the secret into it", "%s: %s is empty", name, path)
	}
	return secret, nil
}
