package gateway

import (
	"bytes"
	"html/template"
	"slices"

	"highball"
)

// appError is what a worker says of an application that has failed.
type appError struct {
	Summary   string     `json:"error"`     // the traceback's last line
	Traceback string     `json:"traceback"` // without the server's own frames
	Debug     *debugInfo `json:"debug"`     // nil unless it was asked for
}

func (e *appError) Error() string {
	if e.Traceback == "" {
		return e.Summary
	}
	return e.Traceback
}

// debugInfo is what a developer sees in the browser. It may hold secrets.
type debugInfo struct {
	Frames  []debugFrame      `json:"frames"`
	Environ map[string]string `json:"environ"`
	Status  string            `json:"status"`  // of the response so far, or empty
	Headers [][2]string       `json:"headers"` // likewise
}

// debugFrame is one call of the traceback.
type debugFrame struct {
	File     string       `json:"file"`
	Line     int          `json:"line"`
	Function string       `json:"function"`
	Source   []sourceLine `json:"source"`
}

// sourceLine is a line of source code, with its number: a JSON array of both.
type sourceLine [2]any

// writePage answers 500 with a page that shows everything that is known.
func (e *appError) writePage(w *highball.Response, r *highball.Request) error {
	var page bytes.Buffer
	names := make([]string, 0, len(e.Debug.Environ))
	for name := range e.Debug.Environ {
		names = append(names, name)
	}
	slices.Sort(names)
	if err := failurePage.Execute(&page, struct {
		*appError
		Method, Target string
		Names          []string
	}{e, r.Method(), r.Target(), names}); err != nil {
		return err
	}
	w.SetStatus(500)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, err := w.Write(page.Bytes())
	return err
}

// Line returns the number, and Text the line itself.
func (s sourceLine) Line() int    { n, _ := s[0].(float64); return int(n) }
func (s sourceLine) Text() string { text, _ := s[1].(string); return text }

var failurePage = template.Must(template.New("failure").Parse(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{.Summary}}</title>
<style>
:root { color-scheme: light dark; --soft: #8883; --loud: #c22; font: 15px/1.5 system-ui, sans-serif }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.3rem; color: var(--loud); overflow-wrap: anywhere }
h2 { font-size: 1rem; margin-top: 2rem }
pre, code, td { font: 13px/1.5 ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem .8rem; background: var(--soft); border-radius: .4rem }
section { margin: 1rem 0 }
section p { margin: 0 }
b { color: var(--loud) }
td { vertical-align: top; padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere }
</style>
<h1>{{.Summary}}</h1>
<p>{{.Method}} {{.Target}}</p>
{{range .Debug.Frames}}{{$at := .Line}}<section><p><code>{{.File}}:{{.Line}}</code> in <code>{{.Function}}</code></p>
{{if .Source}}<pre>{{range .Source}}{{if eq .Line $at}}<b>{{printf "%5d  %s" .Line .Text}}</b>{{else}}{{printf "%5d  %s" .Line .Text}}{{end}}
{{end}}</pre>{{end}}</section>
{{end}}{{with .Traceback}}<h2>Traceback</h2>
<pre>{{.}}</pre>
{{end}}{{with .Debug.Status}}<h2>The response so far</h2>
<pre>{{.}}
{{range $.Debug.Headers}}{{index . 0}}: {{index . 1}}
{{end}}</pre>
{{end}}{{if .Names}}<h2>The environ</h2>
<table>{{range .Names}}<tr><td>{{.}}<td>{{index $.Debug.Environ .}}{{end}}</table>
{{end}}</html>
`))
