package corsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"slices"
	"unicode/utf8"
)

// call is what an attach or detach asks for. With problems it is malformed; source and items then hold what could be read.
type call struct {
	source   string
	items    []item
	problems []problem
}

// item is one workspace of a call; percentage keeps the number's text and is empty for a detach.
type item struct{ workspace, percentage string }

// problem is one thing wrong with a request, in the words of COR's 417 body.
type problem struct {
	Field      string `json:"field"`
	Validation string `json:"validation"`
	Message    string `json:"message"`
}

// decodeCall reads the body of an attach or detach and lists everything wrong with it.
func decodeCall(endpoint, contentType string, body []byte) call {
	var c call
	if !isJSON(contentType) {
		c.wrong("Content-Type", "json", "content type %q is not application/json", contentType)
	}
	document, err := decodeJSON(body)
	if err != nil {
		c.wrong("body", "json", "%v", err)
		return c
	}
	fields, ok := document.(map[string]any)
	if !ok {
		c.wrong("body", "object", "the body is not an object")
		return c
	}
	c.unexpected("", fields, "workspaces", "metadata")
	c.readMetadata(fields["metadata"])
	c.readWorkspaces(endpoint, fields["workspaces"])
	return c
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && kind == "application/json"
}

func decodeJSON(body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("the body is not UTF-8")
	}
	var document any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, fmt.Errorf("the body is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("the body goes on after its JSON value")
	}
	return document, nil
}

func (c *call) wrong(field, validation, format string, args ...any) {
	c.problems = append(c.problems, problem{field, validation, fmt.Sprintf(format, args...)})
}

// unexpected reports the keys that the documentation does not have.
func (c *call) unexpected(prefix string, fields map[string]any, documented ...string) {
	known := 0
	for _, name := range documented {
		if _, ok := fields[name]; ok {
			known++
		}
	}
	if known == len(fields) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(documented, name) {
			c.wrong(prefix+name, "unexpected", "%s%s is not expected", prefix, name)
		}
	}
}

func (c *call) readMetadata(value any) {
	metadata, ok := value.(map[string]any)
	if !ok {
		c.wrong("metadata", "object", "metadata is not an object")
		return
	}
	c.unexpected("metadata.", metadata, "source")
	c.source, ok = metadata["source"].(string)
	if !ok || c.source == "" {
		c.wrong("metadata.source", "string", "metadata.source is not a string with text")
	}
}

func (c *call) readWorkspaces(endpoint string, value any) {
	list, ok := value.([]any)
	if !ok || len(list) == 0 {
		c.wrong("workspaces", "array", "workspaces is not an array with elements")
		return
	}
	c.items = make([]item, 0, len(list))
	for i, element := range list {
		if endpoint == endpointDetach {
			c.readDetached(i, element)
		} else {
			c.readAttached(i, element)
		}
	}
}

func (c *call) readDetached(i int, element any) {
	id, ok := element.(string)
	if !ok || id == "" {
		c.wrong(fmt.Sprintf("workspaces.%d", i), "string", "workspaces.%d is not a string with text", i)
		return
	}
	c.items = append(c.items, item{workspace: id})
}

func (c *call) readAttached(i int, element any) {
	fields, ok := element.(map[string]any)
	if !ok {
		c.wrong(fmt.Sprintf("workspaces.%d", i), "object", "workspaces.%d is not an object", i)
		return
	}
	before := len(c.problems)
	id, ok := fields["workspaceId"].(string)
	if !ok || id == "" {
		c.wrong(fmt.Sprintf("workspaces.%d.workspaceId", i), "string", "workspaces.%d.workspaceId is not a string with text", i)
	}
	percentage, ok := fields["percentage"].(json.Number)
	switch {
	case !ok:
		c.wrong(fmt.Sprintf("workspaces.%d.percentage", i), "number", "workspaces.%d.percentage is not a number", i)
	case !inBounds(percentage.String()):
		c.wrong(fmt.Sprintf("workspaces.%d.percentage", i), "range", "workspaces.%d.percentage is not within 0 and 100: %s", i, percentage)
	}
	if len(fields) > 2 || len(c.problems) > before {
		c.unexpected(fmt.Sprintf("workspaces.%d.", i), fields, "workspaceId", "percentage")
	}
	if len(c.problems) == before {
		c.items = append(c.items, item{id, percentage.String()})
	}
}
