package top

import (
	"fmt"
	"strconv"

	"highball/internal/admin"
)

// subject is what a table is about.
type subject uint8

const (
	slowest subject = iota
	frequent
	inFlight
	workers
	subjects // how many there are
)

// tables returns the tables, each at its subject.
func tables() [subjects]*table {
	return [subjects]*table{
		slowest: {
			title: "slowest routes", nothing: "no requests of late", sorted: 5, rows: slowestRows,
			columns: []column{
				{title: "ROUTE"},
				{title: "REQ/S", kind: numbers, width: 7},
				{title: "ERRORS", kind: numbers, width: 7, from: 60},
				{title: "P50", kind: numbers, width: 6},
				{title: "P90", kind: numbers, width: 6, from: 90},
				{title: "P99", kind: numbers, width: 6},
				{title: "P99.9", kind: numbers, width: 6, from: 90},
				{title: "MOST OF IT", width: 11, from: 70},
			},
		},
		frequent: {
			title: "most frequent routes", nothing: "no requests of late", sorted: 1, rows: frequentRows,
			columns: []column{
				{title: "ROUTE"},
				{title: "REQ/S", kind: numbers, width: 7},
				{title: "SHARE", kind: numbers, width: 6},
				{title: "ERRORS", kind: numbers, width: 7, from: 60},
				{title: "SENT/S", kind: numbers, width: 9, from: 70},
				{title: "P50", kind: numbers, width: 6},
				{title: "P99", kind: numbers, width: 6, from: 60},
			},
		},
		inFlight: {
			title: "in flight", nothing: "nothing in flight", sorted: 1, rows: inFlightRows,
			columns: []column{
				{title: "ID", width: 15},
				{title: "AGE", kind: numbers, width: 6},
				{title: "PHASE", width: 6},
				{title: "CLIENT", width: 15, from: 70},
				{title: "ROUTE"},
				{title: "REQUEST", from: 100},
				{title: "WORKER", width: 10},
			},
		},
		workers: {
			title: "workers", nothing: "no applications, so no workers", sorted: 0, rows: workerRows,
			columns: []column{
				{title: "APP"},
				{title: "STATE", width: 9},
				{title: "PID", kind: numbers, width: 8},
				{title: "MEMORY", kind: numbers, width: 9},
				{title: "AGE", kind: numbers, width: 6},
				{title: "REQUESTS", kind: numbers, width: 10},
				{title: "BUSY", kind: numbers, width: 5, from: 60},
				{title: "RESTARTS", kind: numbers, width: 8, from: 80},
			},
		},
	}
}

func routeText(r admin.Route) string {
	if r.Site == "" && r.Path == "" {
		return "(none)"
	}
	return r.Site + r.Path
}

// routeKey tells routes apart whose text is the same.
func routeKey(r admin.Route) string { return r.Site + "\n" + r.Path }

// share returns a part of a whole, and 0 of nothing.
func share[N int64 | float64](part, whole N) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func spanCell(s float64) cell { return cell{text: span(s), rank: s} }

func rateCell(n int64, window float64) cell {
	perSecond := share(float64(n), window)
	return cell{text: rate(perSecond), rank: perSecond}
}

func errorCell(r admin.RouteStat) cell {
	c := cell{rank: share(r.Errors, r.Requests)}
	c.text = percent(c.rank)
	switch {
	case c.rank >= 0.01:
		c.look = bad
	case c.rank > 0:
		c.look = doubtful
	}
	return c
}

func slowestRows(s *snapshot) (rows []row) {
	for _, r := range s.statistics.Routes {
		rows = append(rows, row{routeKey(r.Route), []cell{
			{text: routeText(r.Route)},
			rateCell(r.Requests, s.statistics.Window),
			errorCell(r),
			spanCell(r.P50), spanCell(r.P90), spanCell(r.P99), spanCell(r.P999),
			{text: longestPhase(r.Phases)},
		}})
	}
	return rows
}

// longestPhase names the phase that most of the time went to, with its share.
func longestPhase(phases map[string]float64) string {
	name, longest, sum := "", 0.0, 0.0
	for _, p := range phaseLooks() {
		sum += phases[p.name]
		if phases[p.name] > longest {
			name, longest = p.name, phases[p.name]
		}
	}
	if name == "" {
		return ""
	}
	return name + " " + strconv.FormatFloat(share(longest, sum)*100, 'f', 0, 64) + "%"
}

func frequentRows(s *snapshot) (rows []row) {
	var all int64
	for _, r := range s.statistics.Routes {
		all += r.Requests
	}
	for _, r := range s.statistics.Routes {
		part, sent := share(r.Requests, all), share(float64(r.Sent), s.statistics.Window)
		rows = append(rows, row{routeKey(r.Route), []cell{
			{text: routeText(r.Route)},
			rateCell(r.Requests, s.statistics.Window),
			{text: percent(part), rank: part},
			errorCell(r),
			{text: size(sent), rank: sent},
			spanCell(r.P50), spanCell(r.P99),
		}})
	}
	return rows
}

func inFlightRows(s *snapshot) (rows []row) {
	for _, r := range s.requests {
		client, worker := r.Client, ""
		if client == "" {
			client = "(socket)"
		}
		if r.Worker > 0 {
			worker = fmt.Sprintf("%s %d", r.App, r.Worker)
		}
		age := spanCell(r.Age)
		if r.Age >= 1 {
			age.look = doubtful
		}
		rows = append(rows, row{r.ID, []cell{
			{text: r.ID}, age, {text: r.Phase}, {text: client}, {text: routeText(r.Route)}, {text: r.Method + " " + r.Target}, {text: worker},
		}})
	}
	return rows
}

func workerRows(s *snapshot) (rows []row) {
	for _, a := range s.status.Applications {
		restarts := int64(0) // of the application: a worker that was replaced is gone
		for _, n := range a.Restarts {
			restarts += n
		}
		for _, w := range a.Workers {
			state := cell{text: w.State, look: doubtful}
			if w.State == "serving" {
				state.look = good
			}
			memory := cell{text: "-", rank: float64(w.Memory)}
			if w.Memory >= 0 {
				memory.text = size(float64(w.Memory))
			}
			name := a.Name + " " + strconv.Itoa(w.Number)
			rows = append(rows, row{name + " " + strconv.Itoa(w.PID), []cell{
				{text: name},
				state,
				{text: strconv.Itoa(w.PID), rank: float64(w.PID)},
				memory,
				spanCell(w.Age),
				{text: count(w.Requests), rank: float64(w.Requests)},
				{text: strconv.Itoa(w.InFlight), rank: float64(w.InFlight)},
				{text: count(restarts), rank: float64(restarts)},
			}})
		}
	}
	return rows
}
