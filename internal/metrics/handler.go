package metrics

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"highball"
)

// registry is the metrics of the process. It is made when somebody asks for the first time, since most servers are never asked.
type registry struct {
	once sync.Once
	*prometheus.Registry
}

// metrics returns the registry with all metrics in it.
func (l *Ledger) metrics() *prometheus.Registry {
	l.registry.once.Do(func() {
		r := prometheus.NewRegistry()
		r.MustRegister(&collector{l, describe()}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
		l.registry.Registry = r
	})
	return l.registry.Registry
}

// Handler returns a handler that answers GET with all metrics in the text format of Prometheus.
func (l *Ledger) Handler() highball.Handler { return highball.HandlerFunc(l.serve) }

func (l *Ledger) serve(w *highball.Response, r *highball.Request) error {
	if m := r.Method(); m != "GET" && m != "HEAD" {
		w.Header().Set("Allow", "GET, HEAD")
		return &highball.Error{Status: 405}
	}
	text, err := l.exposed()
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, err = w.Write(text)
	return err
}

// exposed returns all metrics as text.
func (l *Ledger) exposed() ([]byte, error) {
	families, err := l.metrics().Gather()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, err
		}
	}
	return text.Bytes(), nil
}
