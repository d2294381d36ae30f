package corsim

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"time"
)

// Config says how a Server behaves. The zero value is COR as documented, with every switch at its default, everybody
// known, no faults and no log. New copies it; it is not safe for use by several goroutines.
type Config struct {
	// Known are the users and workspaces that exist; nil means that all do.
	Known *Known
	// Script holds the faults; nil means none.
	Script *Script
	// Log receives one JSON line for each request, in one Write each, never two at a time; nil means no log.
	Log io.Writer
	// Keep makes Requests and Applied remember everything. Without it they stay empty, and memory grows with the
	// ledger alone.
	Keep bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	chosen map[string]string
}

// Set turns one switch. The error for an unknown switch lists the known ones, the error for a wrong value names the
// switch, the value found and the values accepted; either leaves c as it was.
func (c *Config) Set(name, value string) error {
	for _, o := range options() {
		if o.Name != name {
			continue
		}
		if !o.set(new(settings), value) {
			return o.refuse(value)
		}
		if c.chosen == nil {
			c.chosen = make(map[string]string)
		}
		c.chosen[name] = value
		return nil
	}
	return fmt.Errorf("unknown switch %q (the switches are %s)", name, strings.Join(names(), ", "))
}

// Switch describes one switch. Values begins with the default; a word in capitals stands for a value of its kind.
type Switch struct {
	Name   string
	Values []string
	Doc    string
}

// Switches lists every switch in the order of the documentation.
func Switches() []Switch {
	all := options()
	list := make([]Switch, len(all))
	for i, o := range all {
		list[i] = o.Switch
	}
	return list
}

func names() []string {
	all := options()
	list := make([]string, len(all))
	for i, o := range all {
		list[i] = o.Name
	}
	return list
}

func (c *Config) settings() settings {
	var s settings
	chosen := maps.Clone(c.chosen)
	for _, o := range options() {
		value, ok := chosen[o.Name]
		if !ok {
			value = o.Values[0]
		}
		o.set(&s, value)
	}
	return s
}
