package metrics

import (
	"bytes"
	"fmt"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"highball"
	"highball/internal/observe"
	"highball/internal/servertest"
)

// text returns what is exposed.
func text(t *testing.T, l *Ledger) string {
	t.Helper()
	b, err := l.exposed()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func checkHas(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			t.Errorf("there is no %s, but\n%s", line, grep(text, name))
		}
	}
}

func grep(text, part string) string {
	var all []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			all = append(all, line)
		}
	}
	return strings.Join(all, "")
}

func TestExposition(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		shop := s.routes.Of("example.org", "/shop/")
		s.take(shop, nil)
		s.take(shop, func(r *observe.Record) { r.Status, r.Method, r.Aborted = 503, "POST", true })
		s.take(shop, func(r *observe.Record) {
			r.Duration = 2500 * time.Millisecond
			r.Spans = observe.Spans{observe.Queue: 2500 * time.Millisecond}
		})
		s.take(s.routes.Of("example.org", "/"), func(r *observe.Record) { r.Duration, r.Spans = time.Minute, observe.Spans{observe.Send: time.Minute} })
		s.take(s.routes.Of("", "/"), func(r *observe.Record) { r.Method = "BREW" })
		s.take(nil, func(r *observe.Record) { r.Method, r.Status = "", 400 })
		seconds(15) // what has left the present part of the window counts, too
		s.take(shop, nil)

		checkHas(t, text(t, s.Ledger),
			`highball_build_info{version="1.2.3"} 1`,
			`highball_requests_total{code="2xx",method="GET",route="/shop/",site="example.org"} 3`,
			`highball_requests_total{code="5xx",method="POST",route="/shop/",site="example.org"} 1`,
			`highball_requests_total{code="2xx",method="other",route="/",site="(default)"} 1`,
			`highball_requests_total{code="4xx",method="other",route="(none)",site="(default)"} 1`,
			`highball_requests_aborted_total{route="/shop/",site="example.org"} 1`,
			`highball_response_body_bytes_total{route="/shop/",site="example.org"} 4000`,
			`highball_request_body_bytes_total{route="/shop/",site="example.org"} 40`,
			`highball_request_duration_seconds_bucket{route="/shop/",site="example.org",le="0.01"} 0`,
			`highball_request_duration_seconds_bucket{route="/shop/",site="example.org",le="0.025"} 3`,
			`highball_request_duration_seconds_bucket{route="/shop/",site="example.org",le="2.5"} 4`,
			`highball_request_duration_seconds_bucket{route="/",site="example.org",le="10"} 0`,
			`highball_request_duration_seconds_bucket{route="/",site="example.org",le="+Inf"} 1`,
			`highball_request_duration_seconds_sum{route="/shop/",site="example.org"} 2.56`,
			`highball_request_phase_seconds_bucket{phase="queue",site="example.org",le="0.0001"} 4`,
			`highball_request_phase_seconds_bucket{phase="queue",site="example.org",le="2.5"} 5`,
			`highball_request_phase_seconds_count{phase="queue",site="example.org"} 5`,
			`highball_request_phase_seconds_sum{phase="send",site="example.org"} 60.015`,
			`highball_route_phase_seconds_total{phase="app",route="/shop/",site="example.org"} 0.045`,
			`highball_requests_in_flight 2`,
			`highball_connections{state="idle"} 5`,
			`highball_connections{state="closing"} 4`,
			`highball_connections_accepted_total 99`,
			`highball_connections_refused_total 7`,
			`highball_workers{app="shop",state="serving"} 4`,
			`highball_worker_restarts_total{app="shop",reason="memory"} 2`,
			`highball_worker_failed_starts_total{app="shop"} 1`,
			`highball_queue_depth{app="shop"} 6`,
			`highball_queue_limit{app="shop"} 64`,
			`highball_queue_refused_total{app="shop",reason="full"} 8`,
			`highball_file_cache_misses_total{reason="stale",route="/files/",site="(default)"} 33`,
			`highball_file_cache_misses_total{reason="large",route="/files/",site="(default)"} 11`,
			`highball_loop_connections{loop="0"} 8`,
			`highball_loop_lag_seconds{loop="0"} 0.003`,
			`highball_log_lost_lines_total{log="access"} 11`,
		)
	})
}

// Both the parser of those who read it and their rules for names, units and help are content.
func TestExpositionIsInGoodForm(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		s.take(s.routes.Of("example.org", "/\"quotes\"\\ and \n lines/"), nil)
		seconds(2)
		pedant := prometheus.NewPedanticRegistry()
		pedant.MustRegister(&collector{s.Ledger, describe()})
		if _, err := pedant.Gather(); err != nil {
			t.Error(err)
		}
		all := text(t, s.Ledger)
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(all))
		if err != nil {
			t.Fatal(err)
		}
		problems, err := promlint.New(strings.NewReader(all)).Lint()
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
		for _, name := range []string{"highball_requests_total", "go_goroutines", "process_open_fds"} {
			if families[name] == nil {
				t.Errorf("there is no %s", name)
			}
		}
		d := describe()
		if n := strings.Count(all, "# HELP highball_"); n != len(d.all()) || n != reflect.TypeFor[descriptions]().NumField() {
			t.Errorf("of all metrics only these are exposed:\n%s", grep(all, "# HELP highball_"))
		}
	})
}

// What clients invent makes no new series, nor do more routes than are counted.
func TestSeriesAreBounded(t *testing.T) {
	inScene(t, fullSource(), func(t *testing.T, s *scene) {
		for i := range 3000 {
			route := s.routes.Of("", fmt.Sprintf("/%d", i))
			s.take(route, func(r *observe.Record) { r.Method, r.Status = fmt.Sprintf("M%d", i), i })
		}
		all := text(t, s.Ledger)
		if n := strings.Count(all, "\nhighball_requests_aborted_total{"); n != 1001 {
			t.Errorf("%d routes are exposed, want a thousand and one for the others", n)
		}
		// Those of the other 2,000 are told apart by class alone.
		if n := strings.Count(all, "\nhighball_requests_total{"); n > 1000+observe.Classes {
			t.Errorf("%d series of requests are exposed", n)
		}
		if strings.Contains(all, `"M1"`) {
			t.Error("a method that a client has invented is exposed")
		}
	})
}

// What there is to tell may come later than who asks.
func TestExpositionBeforeAnythingHasHappened(t *testing.T) {
	inScene(t, Source{}, func(t *testing.T, s *scene) {
		all := text(t, s.Ledger)
		if strings.Contains(all, "highball_connections") || strings.Contains(all, "highball_requests_total") || !strings.Contains(all, "highball_build_info") {
			t.Errorf("without a source there is:\n%s", grep(all, "highball_"))
		}
		s.take(nil, nil)
		checkHas(t, text(t, s.Ledger), `highball_requests_total{code="2xx",method="GET",route="(none)",site="(default)"} 1`)
	})
}

func TestHandler(t *testing.T) {
	ledger := New(observe.NewCounters(1))
	ledger.Ask(fullSource())
	server := &highball.Server{Handler: ledger.Handler(), Loops: 1}
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.Run() }()
	defer func() { server.Close(); <-served }()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	client := servertest.NewClient(t, conn)

	got := client.Get("/metrics")
	if got.Status != 200 || !strings.HasPrefix(got.Value("Content-Type"), "text/plain; version=0.0.4") || got.Value("Cache-Control") != "no-store" {
		t.Errorf("GET is answered by %d, %v", got.Status, got.Fields)
	}
	if !bytes.Contains([]byte(got.Body), []byte("\nhighball_connections{state=\"idle\"} 5\n")) {
		t.Errorf("GET is answered by\n%s", got.Body)
	}
	client.Send("POST /metrics HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")
	if got := client.Receive("POST"); got.Status != 405 || got.Value("Allow") != "GET, HEAD" {
		t.Errorf("POST is answered by %d, Allow: %q", got.Status, got.Value("Allow"))
	}
}
