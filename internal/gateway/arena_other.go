//go:build !linux

package gateway

import (
	"errors"
	"os"
)

func sharedMemory(int) (*os.File, []byte, error) { return nil, nil, errors.ErrUnsupported }

func findMemory(*os.File, int64, int64) error { return errors.ErrUnsupported }

func loseMemory(*os.File, int64, int64) {}

func freeMemory([]byte) {}
