package corsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Script is a list of faults, read from one JSON document:
//
//	{"faults": [
//	  {"comment": "U1's second and third attempt", "user": "U1", "attempts": [2, 3], "status": 503, "retry_after": 2},
//	  {"comment": "stored, but nobody hears of it", "source": "SAP", "from": 1, "to": 1, "cut": "after"},
//	  {"after": "2s", "until": "10s", "status": 429, "retry_after": {"date_in": "3s"}, "body": "html"},
//	  {"user": "U7", "set_percentage": {"WS-1": "49.5"}, "drop_workspace": ["WS-2"]},
//	  {"endpoint": "token", "attempts": [1], "status": 401}
//	]}
//
// The first entry that matches a request acts on it; a request that none matches is answered in earnest. Which
// requests an entry matches:
//
//	user      the exact external user id; "*" or absent: every user (attach and detach alone)
//	source    the source in the request's body; absent: every source (attach and detach alone)
//	endpoint  attach (the default), detach, token, refresh or me
//	after     a duration since the simulator's start, from which on the entry is in force
//	until     a duration since the simulator's start, at which the entry ends
//	attempts  of the requests that fit all the above, counted by entry and user from 1, those with these numbers
//	from, to  the same as a range, both ends included; either may be absent
//
// What an entry does, at least one of:
//
//	delay           wait before the request is handled (a duration)
//	reply_delay     wait between the write and the answer (a duration)
//	revoke_token    true: the request's token is refused from now on, by this request already
//	cut             "before" or "after" the write: the connection closes without an answer
//	truncate        so many bytes of the real answer, under its full Content-Length, then the connection closes
//	headers         an object of headers, added to whatever is answered
//	status          answer with this status instead of the real answer; with it may stand:
//	  body            a named kind ("A" to "G", "html", "empty"), another string to be sent as it stands, or any JSON
//	                  value; absent: body E for a status from 400 on, else empty
//	  name, code, message  what the named kinds A to G say
//	  retry_after     seconds, {"date_in": duration} for an HTTP date, or a string to be sent as it stands
//	  apply           true: the request is handled all the same, its write stored; absent: it never reaches COR
//	drop_workspace  workspaces to leave out of the real answer
//	set_percentage  object of workspace to percentage: a number or a string with one, else any JSON value as it stands
//	contradict      "user" or "workspace": the pivots name another internal id than the object they stand in
//	extra_workspace object of workspace to percentage: workspaces to add to the real answer
//
// The last four touch a 200 of attach or detach, never what is stored. A script never changes and is safe for
// concurrent use.
type Script struct {
	faults []fault
}

// ReadScript reads a script strictly. A syntax error names line and column; an unknown key, a value of the wrong kind
// and a contradiction name the entry, counted from 0, and the line where it begins.
func ReadScript(r io.Reader) (*Script, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("fault script: %w", err)
	}
	var whole any
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, fmt.Errorf("fault script: %w", placed(text, err))
	}
	entries, err := split(text)
	if err != nil {
		return nil, fmt.Errorf("fault script: %w", err)
	}
	script := new(Script)
	for i, e := range entries {
		f, err := decodeFault(e.text)
		if err != nil {
			return nil, fmt.Errorf("fault script: faults[%d] (line %d): %w", i, e.line, err)
		}
		script.faults = append(script.faults, f)
	}
	return script, nil
}

// scriptEntry is the text of one entry and the line where it begins.
type scriptEntry struct {
	text []byte
	line int
}

// split takes a well-formed document apart into its entries.
func split(text []byte) ([]scriptEntry, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New(`the document is not an object with "faults"`)
	}
	var entries []scriptEntry
	found := false
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if key != "faults" {
			return nil, fmt.Errorf("unknown key %q", key)
		}
		if found {
			return nil, errors.New(`"faults" stands there twice`)
		}
		found = true
		if t, err := d.Token(); err != nil || t != json.Delim('[') {
			return nil, errors.New(`"faults" is not an array`)
		}
		for d.More() {
			var raw json.RawMessage
			if err := d.Decode(&raw); err != nil {
				return nil, err
			}
			line, _ := position(text, d.InputOffset()-int64(len(raw)))
			entries = append(entries, scriptEntry{raw, line})
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, errors.New(`the document has no "faults"`)
	}
	return entries, nil
}

func placed(text []byte, err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	line, column := position(text, syntax.Offset-1)
	return fmt.Errorf("line %d, column %d: %w", line, column, err)
}

// position is the line and the column, both from 1, of the byte at an offset.
func position(text []byte, offset int64) (line, column int) {
	before := text[:max(0, min(offset, int64(len(text))))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
