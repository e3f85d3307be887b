//go:build !unix

package app

import "os"

var hangup = os.Interrupt
