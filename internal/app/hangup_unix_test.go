//go:build unix

package app

import "syscall"

const hangup = syscall.SIGHUP
