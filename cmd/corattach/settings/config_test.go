package settings

import (
	"errors"
	"testing"

	"github.com/alecthomas/kong"

	"corattach/pipeline"
)

// FuzzConfig reads any bytes as a configuration file: it is taken, or refused as
// wrong usage.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"", "# nothing\n", "---\n", "{}", "null", "rate: 5\n", "a: &x [*x]\n", "map: {user_id: a}\nset: [a=b]\n", "rate: 5\n---\n", "? [a]\n: 1\n",
		"<<: {rate: 5}\n", "rate: &r 5\nworkers: *r\n", "\xef\xbb\xbfrate: 5\r\n", "strict: on\nrate:\n", "%YAML 1.1\n---\nrate: 5\n", "!!map {rate: !!str 5}\n",
	} {
		f.Add([]byte(text))
	}
	var flags struct {
		Rate   float64
		Strict bool
		Set    []string `sep:"none"`
		Map    map[string]string
	}
	parser, err := kong.New(&flags)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		s := &Settings{path: "fuzz.yaml"}
		err := s.parse(content)
		if err == nil {
			err = s.Check(parser.Model)
		}
		var failure *pipeline.Failure
		if err != nil && (!errors.As(err, &failure) || failure.Code != pipeline.ExitUsage) {
			t.Errorf("%q: %v", content, err)
		}
	})
}
