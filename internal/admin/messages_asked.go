package admin

import "strconv"

// RecentQuery says which exchanges of the flight recorder are wanted. Its zero value wants the latest.
type RecentQuery struct {
	Limit  int    // at most so many; 0 is 50
	Status string // a class such as "5xx", or a status such as "404"; "" is every one
	Path   string // the beginning of the path; "" is every one
}

// LogFilter says which lines of the access log are wanted. Its zero value wants all of them.
type LogFilter struct {
	Status string // a class such as "5xx", or a status such as "404"
	Method string
	Path   string // the beginning of the path
	Client string // the beginning of the address, or a network such as "192.0.2.0/24"
}

// RecordOrder asks the flight recorder to keep everything for a while.
type RecordOrder struct {
	Seconds float64 `json:"seconds"` // at most 3,600
}

// Recording tells that it does.
type Recording struct {
	Seconds float64 `json:"seconds"`
}

// Address is where the interface is at a TCP address, and the dashboard.
type Address struct {
	URL string `json:"url"` // with the token behind the #
}

// MatchesStatus reports whether a status is one that is wanted: pattern is a class such as "5xx", a status such as "404", or "" for every one.
func MatchesStatus(pattern string, status int) bool {
	if pattern == "" {
		return true
	}
	if len(pattern) == 3 && pattern[1:] == "xx" {
		return status/100 == int(pattern[0]-'0')
	}
	return pattern == strconv.Itoa(status)
}

// checkStatus returns an error if MatchesStatus would never be true.
func checkStatus(pattern string) error {
	if pattern == "" {
		return nil
	}
	if len(pattern) == 3 && pattern[1:] == "xx" && pattern[0] >= '1' && pattern[0] <= '5' {
		return nil
	}
	if n, err := strconv.Atoi(pattern); err == nil && len(pattern) == 3 && n >= 100 && n <= 599 {
		return nil
	}
	return refusedf(400, "status: %q is neither a class such as 5xx nor a status such as 404", pattern)
}
