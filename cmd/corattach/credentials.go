package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"corattach/cmd/corattach/settings"
	"corattach/pipeline/cor"
)

const credentialsHint = "set COR_API_KEY and COR_CLIENT_SECRET, or COR_ACCESS_TOKEN, or give --token-file; an import with --simulate or --dry-run needs none"

// credentialsHelp stands in the helps of the commands that ask COR.
const credentialsHelp = `Credentials come from COR_API_KEY with COR_CLIENT_SECRET, from COR_ACCESS_TOKEN, or from --token-file.
Each of the three variables can be replaced by COR_API_KEY_FILE, COR_CLIENT_SECRET_FILE or COR_ACCESS_TOKEN_FILE, which names the file that holds it.`

// credentials are those that were given, and where.
type credentials struct {
	cor.Credentials
	from string
}

// credentials reads the one set of credentials there must be.
func (a *app) credentials(tokenFile string) (credentials, error) {
	var c credentials
	var err error
	if c.APIKey, err = a.secret("COR_API_KEY"); err != nil {
		return c, err
	}
	if c.ClientSecret, err = a.secret("COR_CLIENT_SECRET"); err != nil {
		return c, err
	}
	if c.AccessToken, err = a.secret("COR_ACCESS_TOKEN"); err != nil {
		return c, err
	}
	key := c.APIKey != "" || c.ClientSecret != ""
	var set []string
	for _, one := range []struct {
		set  bool
		name string
	}{{key, "COR_API_KEY with COR_CLIENT_SECRET"}, {c.AccessToken != "", "COR_ACCESS_TOKEN"}, {tokenFile != "", "--token-file"}} {
		if one.set {
			set = append(set, one.name)
		}
	}
	switch {
	case len(set) == 0:
		return c, usage(credentialsHint, "no credentials")
	case len(set) > 1:
		return c, usage("keep one of them", "two credentials at once: %s", strings.Join(set, " and "))
	case key && c.ClientSecret == "":
		return c, usage("set COR_CLIENT_SECRET too", "COR_API_KEY without COR_CLIENT_SECRET")
	case key && c.APIKey == "":
		return c, usage("set COR_API_KEY too", "COR_CLIENT_SECRET without COR_API_KEY")
	case tokenFile != "":
		c.from = "--token-file " + tokenFile
		c.AccessToken, err = a.secretFile("--token-file", tokenFile)
		return c, err
	}
	c.from = set[0]
	return c, nil
}

// secret reads a variable, or the file that the variable with _FILE behind its
// name names; "" when neither is set.
func (a *app) secret(name string) (string, error) {
	value, path := settings.Environment(name), settings.Environment(name+"_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", usage("keep one of them", "two credentials at once: %s and %s_FILE", name, name)
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
		return "", usage("check the path and who may read it", "%s: %w", name, err)
	case !info.Mode().IsRegular():
		return "", usage("name a regular file that holds the secret", "%s: %s is %s", name, path, typeOf(info.Mode()))
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return "", usage("chmod go-w "+path, "%s: others can write %s", name, path)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0 && ownedByCaller(info) {
		a.console.Warn(fmt.Sprintf("%s: everybody can read %s", name, path), "chmod o-r "+path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", usage("check who may read it", "%s: %w", name, err)
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	secret := strings.TrimSpace(string(content))
	switch {
	case err != nil:
		return "", usage("check the file", "%s: %w", name, err)
	case len(content) > maxSecret:
		return "", usage("name a file that holds the secret alone", "%s: %s is larger than 64 KiB", name, path)
	case secret == "":
		return "", usage("put the secret into it", "%s: %s is empty", name, path)
	}
	return secret, nil
}

// typeOf names what is no regular file.
func typeOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "no regular file"
}
