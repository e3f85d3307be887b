package app

import (
	"strings"
	"testing"
)

// bodyOf returns the body of the answer to a GET.
func bodyOf(t *testing.T, c *client, path string) string {
	t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
	res, body := c.answer("GET")
	if res.StatusCode != 200 {
		t.Errorf("GET %s: %s", path, res.Status)
	}
	return body
}

func TestMetricsRoute(t *testing.T) {
	folder(t, "public/")
	write(t, "public/index.html", "index")
	c := serveTOML(t, `
[[site]]
root = "public"

  [[site.route]]
  path = "/metrics"
  metrics = true
  [[site.route]]
  path = "/closed/metrics"
  metrics = true
  deny = ["127.0.0.0/8"]
  [[site.route]]
  path = "/hello/"
  respond = "hello"
`).dial(t)
	checkAnswers(t, c, []asks{
		{"GET /hello/a", "", 200, "hello"},
		{"GET /hello/b", "", 200, "hello"},
		{"HEAD /hello/", "", 200, ""},
		{"GET /", "", 200, "index"},
		{"GET /missing", "", 404, ""},
		{"GET /closed/metrics", "", 403, ""},
		{"POST /metrics", "Content-Length: 0\r\n", 405, "Allow: GET, HEAD"},
		{"HEAD /metrics", "", 200, "X-Content-Type-Options: nosniff"},
	})
	body := bodyOf(t, c, "/metrics")
	for _, line := range []string{
		`highball_requests_total{code="2xx",method="GET",route="/hello/",site="(default)"} 2`,
		`highball_requests_total{code="2xx",method="HEAD",route="/hello/",site="(default)"} 1`,
		`highball_requests_total{code="2xx",method="GET",route="/",site="(default)"} 1`,
		`highball_requests_total{code="4xx",method="GET",route="/",site="(default)"} 1`,
		`highball_requests_total{code="4xx",method="GET",route="/closed/metrics",site="(default)"} 1`,
		`highball_response_body_bytes_total{route="/hello/",site="(default)"} 10`,
		`highball_file_cache_misses_total{reason="absent",route="/",site="(default)"} 1`,
		`highball_connections_accepted_total 1`,
		`highball_connections{state="handling"} 1`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("there is no %s in\n%s", line, body)
		}
	}
}

func TestMetricsThatCountNothing(t *testing.T) {
	c := serveTOML(t, `
[metrics]
enabled = false

[[site]]
  [[site.route]]
  path = "/"
  metrics = true
`).dial(t)
	bodyOf(t, c, "/")
	if body := bodyOf(t, c, "/"); strings.Contains(body, "highball_requests_total") || !strings.Contains(body, "\nhighball_connections_accepted_total 1\n") {
		t.Errorf("got\n%s", body)
	}
}
