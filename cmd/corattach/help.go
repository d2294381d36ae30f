package main

import "strings"

// examples are commands to start from, as a help shows them.
func examples(commands ...string) string {
	return "Examples:\n  " + strings.Join(commands, "\n  ")
}
