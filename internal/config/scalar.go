package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// fault returns an error that has no position yet; whoever knows the position adds it.
func fault(remedy, format string, args ...any) error {
	return &Error{Problem: fmt.Sprintf(format, args...), Remedy: remedy}
}

// ParseDuration reads a duration as files write it: a number with a unit ("500ms", "10s", "1h30m"),
// or "off", which is [Off]. Zero is a duration; whether it makes sense is for the caller to say.
func ParseDuration(s string) (time.Duration, error) {
	if s == "off" {
		return Off, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		remedy := `write a number and a unit, such as "500ms", "10s", "5m" or "1h", or "off"`
		if _, err := strconv.ParseUint(s, 10, 63); err == nil {
			remedy = fmt.Sprintf("add a unit: %q for seconds", s+"s")
		}
		return 0, fault(remedy, "%q is not a duration", s)
	}
	if d < 0 {
		return 0, fault(`write a positive one, or "off"`, "the duration %q is negative", s)
	}
	return d, nil
}

// parseMaxAge reads the time that a response may be kept in caches: whole seconds, or as [ParseDuration].
func parseMaxAge(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return maxAge(seconds)
	}
	return ParseDuration(s)
}

// maxAge converts a number of seconds.
func maxAge(seconds int64) (time.Duration, error) {
	if seconds < 0 || seconds > math.MaxInt64/int64(time.Second) {
		return 0, fault(`write seconds from 0 up, a duration such as "1h", or "off"`, "%d seconds cannot be a time to cache", seconds)
	}
	return time.Duration(seconds) * time.Second, nil
}

// parsePeriod reads a time that is longer than nothing: whole seconds, or a number and a unit.
func parsePeriod(s string) (time.Duration, error) {
	d, err := ParseDuration(s)
	if seconds, fault := strconv.ParseUint(s, 10, 32); fault == nil {
		d, err = time.Duration(seconds)*time.Second, nil
	}
	if err == nil && d <= 0 {
		return 0, fault(`write seconds, or a number and a unit, such as "10s" or "5m"`, "%q is no time to wait", s)
	}
	return d, err
}

// parseDeadline reads a deadline: as [parsePeriod], or "off".
func parseDeadline(s string) (time.Duration, error) {
	if s == "off" {
		return Off, nil
	}
	return parsePeriod(s)
}

// parseAmount reads a number of bytes that is more than nothing.
func parseAmount(s string) (int64, error) {
	n, err := ParseSize(s)
	if err == nil && n <= 0 {
		return 0, fault(`write a number of bytes or with a unit, such as "10MB"`, "the size %q leaves no room", s)
	}
	return n, err
}

// parseNumber reads a count of one or more.
func parseNumber(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return 0, fault("write a number from 1 up", "%q is not a count", s)
	}
	return int(n), nil
}

// neverOr returns a parser for a limit that need not be: "off" and "0" are no limit, and zero.
func neverOr[T int | int64 | time.Duration](parse func(string) (T, error)) func(string) (T, error) {
	return func(s string) (T, error) {
		if s == "off" || s == "0" {
			return 0, nil
		}
		return parse(s)
	}
}

// sizeUnits returns the bytes of each unit that [ParseSize] knows, by its lower-case name.
func sizeUnits() map[string]int64 {
	return map[string]int64{
		"": 1, "b": 1,
		"kb": 1e3, "mb": 1e6, "gb": 1e9,
		"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
	}
}

// ParseSize reads a number of bytes: "65536", "64KiB", "10 MB", or "off", which is [Off]. KiB, MiB and GiB
// count in 1024s, KB, MB and GB in 1000s; upper and lower case mean the same.
func ParseSize(s string) (int64, error) {
	if s == "off" {
		return Off, nil
	}
	digits := strings.TrimLeft(s, "0123456789")
	unit, known := sizeUnits()[strings.ToLower(strings.TrimSpace(digits))]
	n, err := strconv.ParseInt(s[:len(s)-len(digits)], 10, 64)
	switch {
	case !known, err != nil && s == digits:
		return 0, fault(`write a whole number of bytes or a unit, such as 65536, "64KiB" or "10MB"`, "%q is not a size", s)
	case err != nil, n > math.MaxInt64/unit:
		return 0, fault("", "the size %q is too large", s)
	}
	return n * unit, nil
}

// parseSwitch reads what an environment variable says about a thing that is on or off.
func parseSwitch(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "1", "true", "yes", "on":
		return true, nil
	case "0", "false", "no", "off":
		return false, nil
	}
	return false, fault("write 1 or 0, true or false, yes or no, on or off", "%q says neither yes nor no", s)
}

// parsePort reads a TCP port.
func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fault("write a number from 0 (any free port) to 65535", "%q is not a port", s)
	}
	return int(n), nil
}

// oneOf returns s if it is one of the words, which say what a thing is.
func oneOf(s, thing string, words ...string) (string, error) {
	for _, w := range words {
		if s == w {
			return s, nil
		}
	}
	return "", fault(didYouMean(s, words), "unknown %s %q", thing, s)
}
