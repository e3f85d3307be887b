package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"highball/internal/observe"
)

// What stands where the configuration has no name: no host, or no route was chosen. No host and no path begins with a bracket.
const (
	noSite  = "(default)"
	noRoute = "(none)"
)

// shortestExposed and longestExposed are the first and the last bound of the histograms that are exposed. These have fewer buckets than are counted.
const (
	shortestExposed = 100 * time.Microsecond
	longestExposed  = 10 * time.Second
)

func described(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("highball_"+name, help, labels, nil)
}

// descriptions are the metrics that a ledger has.
type descriptions struct {
	build                                        *prometheus.Desc
	requests, aborted, sent, received, durations *prometheus.Desc
	sitePhases, routePhases                      *prometheus.Desc
	inFlight, connections, accepted, refused     *prometheus.Desc
	workers, restarts, failedStarts              *prometheus.Desc
	queue, queueLimit, queueRefused              *prometheus.Desc
	loopConnections, loopLag                     *prometheus.Desc
	cacheMisses, lostLines                       *prometheus.Desc
}

func describe() descriptions {
	return descriptions{
		build:           described("build_info", "The version of the program; the value is always 1.", "version"),
		requests:        described("requests_total", "Requests that are over, by class of the answer's status; none is for those without an answer.", "site", "route", "method", "code"),
		aborted:         described("requests_aborted_total", "Requests whose answer was cut short.", "site", "route"),
		sent:            described("response_body_bytes_total", "Bytes of responses' bodies that were sent.", "site", "route"),
		received:        described("request_body_bytes_total", "Bytes of requests' bodies that were read.", "site", "route"),
		durations:       described("request_duration_seconds", "Time from a request's first byte until its answer was taken.", "site", "route"),
		sitePhases:      described("request_phase_seconds", "Time of a phase of a request: head, body, queue, app, stream or send.", "site", "phase"),
		routePhases:     described("route_phase_seconds_total", "Time that requests have spent in a phase, summed up.", "site", "route", "phase"),
		inFlight:        described("requests_in_flight", "Requests that are being answered."),
		connections:     described("connections", "Connections of clients, by what they are at.", "state"),
		accepted:        described("connections_accepted_total", "Connections that were accepted."),
		refused:         described("connections_refused_total", "Connections that were accepted and closed at once, since there were too many."),
		workers:         described("workers", "Worker processes of an application.", "app", "state"),
		restarts:        described("worker_restarts_total", "Worker processes that were replaced.", "app", "reason"),
		failedStarts:    described("worker_failed_starts_total", "Worker processes that ended before they could serve.", "app"),
		queue:           described("queue_depth", "Requests that wait for a worker.", "app"),
		queueLimit:      described("queue_limit", "Requests that may wait for a worker.", "app"),
		queueRefused:    described("queue_refused_total", "Requests that were refused since no worker was free.", "app", "reason"),
		loopConnections: described("loop_connections", "Connections of an event loop.", "loop"),
		loopLag:         described("loop_lag_seconds", "The longest turn of an event loop in the last minute: what was ready may have waited as long.", "loop"),
		cacheMisses:     described("file_cache_misses_total", "Requests for files that the cache alone has not answered.", "site", "route", "reason"),
		lostLines:       described("log_lost_lines_total", "Lines that a log has lost, since what it is written to was full or too slow.", "log"),
	}
}

func (d *descriptions) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		d.build, d.requests, d.aborted, d.sent, d.received, d.durations, d.sitePhases, d.routePhases,
		d.inFlight, d.connections, d.accepted, d.refused,
		d.workers, d.restarts, d.failedStarts, d.queue, d.queueLimit, d.queueRefused,
		d.loopConnections, d.loopLag, d.cacheMisses, d.lostLines,
	}
}

// collector is a ledger as Prometheus' registry sees it.
type collector struct {
	ledger *Ledger
	descriptions
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.all() {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	e := exposition{to, &c.descriptions, observe.CoarseBounds()}
	source := &c.ledger.source
	e.gauge(e.build, 1, source.Version)
	e.requestsOf(c.ledger)
	if source.InFlight != nil {
		e.gauge(e.inFlight, float64(source.InFlight()))
	}
	if source.Connections != nil {
		e.connectionsOf(source.Connections())
	}
	if source.Applications != nil {
		e.applicationsOf(source.Applications())
	}
	if source.Folders != nil {
		e.foldersOf(source.Folders())
	}
	if source.Logs != nil {
		for _, log := range source.Logs() {
			e.counter(e.lostLines, float64(log.Lost), log.Name)
		}
	}
}

// exposition is one collection.
type exposition struct {
	to chan<- prometheus.Metric
	*descriptions
	bounds []time.Duration
}

func (e *exposition) gauge(d *prometheus.Desc, value float64, labels ...string) {
	e.to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (e *exposition) counter(d *prometheus.Desc, value float64, labels ...string) {
	e.to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// histogram exposes what was counted in coarse buckets: the first and the last ones as one each.
func (e *exposition) histogram(d *prometheus.Desc, h observe.CoarseDurations, sum time.Duration, labels ...string) {
	buckets := make(map[float64]uint64, len(h))
	var count uint64
	for i, n := range h {
		count += n
		if i < len(e.bounds) && e.bounds[i] >= shortestExposed && e.bounds[i] <= longestExposed {
			buckets[e.bounds[i].Seconds()] = count
		}
	}
	e.to <- prometheus.MustNewConstHistogram(d, count, sum.Seconds(), buckets, labels...)
}

// sitePhases is the phases of all routes of a site.
type sitePhases struct {
	histograms [observe.Phases]observe.CoarseDurations
	sums       observe.Spans
}

// requestsOf exposes what the ledger has counted. What is exposed must be consistent, so nothing may be entered meanwhile.
func (e *exposition) requestsOf(l *Ledger) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fold()
	sites := make(map[string]*sitePhases)
	for _, a := range l.accounts {
		n := a.sum()
		site, route := names(a.route)
		e.routeOf(&n, site, route)
		s := sites[site]
		if s == nil {
			s = new(sitePhases)
			sites[site] = s
		}
		for p := range s.histograms {
			s.sums[p] += n.Spans[p]
			for i, of := range n.Phase(observe.Phase(p)) {
				s.histograms[p][i] += of
			}
		}
	}
	for site, s := range sites {
		for p := range s.histograms {
			e.histogram(e.descriptions.sitePhases, s.histograms[p], s.sums[p], site, observe.Phase(p).String())
		}
	}
	for i := range l.loops {
		e.gauge(e.loopConnections, float64(l.loops[i].connections), strconv.Itoa(i))
		e.gauge(e.loopLag, l.loops[i].longest().Seconds(), strconv.Itoa(i))
	}
}

// routeOf exposes what one route has counted.
func (e *exposition) routeOf(n *observe.Counts, site, route string) {
	for m, method := range observe.MethodNames() {
		for class, code := range observe.ClassNames() {
			if of := n.Requests[m][class]; of > 0 {
				e.counter(e.requests, float64(of), site, route, method, code)
			}
		}
	}
	e.counter(e.aborted, float64(n.Aborted), site, route)
	e.counter(e.sent, float64(n.Sent), site, route)
	e.counter(e.received, float64(n.Received), site, route)
	e.histogram(e.durations, n.Durations.Coarse(), n.Duration, site, route)
	for p, span := range n.Spans {
		e.counter(e.routePhases, span.Seconds(), site, route, observe.Phase(p).String())
	}
}

func (e *exposition) connectionsOf(c observe.Connections) {
	for state, n := range map[string]int{"idle": c.Idle, "reading": c.Reading, "handling": c.Handling, "sending": c.Sending, "closing": c.Closing} {
		e.gauge(e.connections, float64(n), state)
	}
	e.counter(e.accepted, float64(c.Accepted))
	e.counter(e.refused, float64(c.Refused))
}

// foldersOf exposes the sums of folders of one route, which may have several for different methods.
func (e *exposition) foldersOf(all []Folder) {
	sums := make(map[*observe.Route]Folder)
	for _, f := range all {
		sum := sums[f.Route]
		sums[f.Route] = Folder{f.Route, sum.Stale + f.Stale, sum.Absent + f.Absent, sum.Large + f.Large}
	}
	for r, f := range sums {
		site, route := names(r)
		for reason, n := range map[string]uint64{"stale": f.Stale, "absent": f.Absent, "large": f.Large} {
			e.counter(e.cacheMisses, float64(n), site, route, reason)
		}
	}
}

func (e *exposition) applicationsOf(all []Application) {
	for _, app := range all {
		for state, n := range app.Workers {
			e.gauge(e.workers, float64(n), app.Name, state)
		}
		for reason, n := range app.Restarts {
			e.counter(e.restarts, float64(n), app.Name, reason)
		}
		e.counter(e.failedStarts, float64(app.FailedStarts), app.Name)
		e.gauge(e.queue, float64(app.Waiting), app.Name)
		e.gauge(e.queueLimit, float64(app.MostWait), app.Name)
		for reason, n := range app.Refused {
			e.counter(e.queueRefused, float64(n), app.Name, reason)
		}
	}
}
