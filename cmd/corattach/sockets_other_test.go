//go:build !linux

package main

import "errors"

// denySockets can do nothing here.
func denySockets() error { return errors.ErrUnsupported }
