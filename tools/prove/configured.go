package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

// configured is a server that runs a configuration file.
type configured struct {
	*server
	dir  string // of the file, with whatever else is in it
	file string
}

// startConfigured writes files into a new folder, of which "highball.toml" is the configuration, and starts the server. What ends
// in ".sh" or ".py" can be executed.
func (p *proof) startConfigured(ctx context.Context, files map[string]string) (*configured, error) {
	return p.startConfiguredWith(ctx, files)
}

// startConfiguredWith is startConfigured with further flags.
func (p *proof) startConfiguredWith(ctx context.Context, files map[string]string, flags ...string) (*configured, error) {
	dir, err := os.MkdirTemp(p.work, "site-")
	if err != nil {
		return nil, err
	}
	c := &configured{dir: dir, file: filepath.Join(dir, "highball.toml")}
	for name, text := range files {
		path, mode := filepath.Join(dir, filepath.FromSlash(name)), os.FileMode(0o644)
		if ext := filepath.Ext(name); ext == ".sh" || ext == ".py" {
			mode = 0o755
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode)); err != nil {
			return nil, err
		}
	}
	c.server, err = p.startServer(ctx, append([]string{p.highball, "run", c.file}, flags...)...)
	return c, err
}

// configure puts another text in the place of the configuration, in one step.
func (c *configured) configure(text string) error {
	next := c.file + ".next"
	if err := os.WriteFile(next, []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(next, c.file)
}

// said returns the matches of a pattern in what the server, and all that came after it, have printed.
func (s *server) said(pattern *regexp.Regexp) ([][]byte, error) {
	text, err := os.ReadFile(s.printed)
	if err != nil {
		return nil, err
	}
	var found [][]byte
	for _, match := range pattern.FindAllSubmatch(text, -1) {
		found = append(found, match[len(match)-1])
	}
	return found, nil
}

// awaitSaid waits until the server has printed so many matches of a pattern, and returns the last one.
func (s *server) awaitSaid(ctx context.Context, pattern *regexp.Regexp, count int, patience time.Duration) (string, error) {
	for began := time.Now(); ; {
		found, err := s.said(pattern)
		if err != nil {
			return "", err
		}
		if len(found) >= count {
			return string(found[count-1]), nil
		}
		if time.Since(began) > patience {
			return "", fmt.Errorf("%d times %q within %s, want %d: %s", len(found), pattern, patience, count, s.lastWords())
		}
		if err := pauseFor(ctx, 5*time.Millisecond); err != nil {
			return "", err
		}
	}
}

// fetch asks for a path of a host on a connection of its own, and returns the body of the answer, which must be 200.
func (s *server) fetch(ctx context.Context, host, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return "", err
	}
	request.Close, request.Host = true, host
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(bytes.TrimSpace(text)), err
}

// awaitText waits until a path of a host has a text, and returns when that was first seen.
func (s *server) awaitText(ctx context.Context, host, path, want string, patience time.Duration) (time.Time, error) {
	for began := time.Now(); ; {
		got, err := s.fetch(ctx, host, path)
		switch {
		case err != nil:
			return time.Time{}, err
		case got == want:
			return time.Now(), nil
		case time.Since(began) > patience:
			return time.Time{}, fmt.Errorf("%s has %q after %s, not %q: %s", path, got, patience, want, s.lastWords())
		}
		if err := pauseFor(ctx, 2*time.Millisecond); err != nil {
			return time.Time{}, err
		}
	}
}
