package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"highball"
	"highball/internal/observe"
)

// The most that a query may ask for.
const (
	longestHistory = time.Hour
	mostExchanges  = 1000
)

// The values where a query has none.
const (
	usualHistory   = 10 * time.Minute
	usualExchanges = 50
)

// parameters returns the query of a request, in which each of the known ones may stand once, and nothing else.
func parameters(r *highball.Request, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(r.Query())
	if err != nil {
		return nil, refusedf(400, "the query cannot be read: %v", err)
	}
	for name, all := range values {
		switch {
		case !slices.Contains(known, name):
			return nil, refusedf(400, "unknown parameter %q; known are %s", name, strings.Join(known, ", "))
		case len(all) > 1:
			return nil, refusedf(400, "%s: it is there %d times", name, len(all))
		}
	}
	return values, nil
}

// number returns a parameter that is a number from 1 to most, or otherwise where it is not there.
func number(values url.Values, name string, otherwise, most int) (int, error) {
	text := values.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refusedf(400, "%s: %q is no number from 1 to %d", name, text, most)
	}
	return n, nil
}

func historyQuery(r *highball.Request) (time.Duration, error) {
	values, err := parameters(r, "seconds")
	if err != nil {
		return 0, err
	}
	n, err := number(values, "seconds", int(usualHistory.Seconds()), int(longestHistory.Seconds()))
	return time.Duration(n) * time.Second, err
}

func recentQuery(r *highball.Request) (q RecentQuery, err error) {
	values, err := parameters(r, "limit", "status", "path")
	if err != nil {
		return q, err
	}
	if q.Limit, err = number(values, "limit", usualExchanges, mostExchanges); err != nil {
		return q, err
	}
	q.Status, q.Path = values.Get("status"), values.Get("path")
	return q, checkStatus(q.Status)
}

// eventQuery reads whether lines of the access log are wanted, and which.
func eventQuery(r *highball.Request) (wanted bool, f observe.TailFilter, err error) {
	values, err := parameters(r, "log", "status", "method", "path", "client")
	if err != nil {
		return false, f, err
	}
	switch log := values.Get("log"); log {
	case "", "0":
	case "1":
		wanted = true
	default:
		return false, f, refusedf(400, "log: %q is neither 1 nor 0", log)
	}
	f, err = observe.ParseTailFilter(values.Get("status"), values.Get("method"), values.Get("path"), values.Get("client"))
	if err != nil {
		err = refusedf(400, "%v", err)
	}
	return wanted, f, err
}
