package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	crawlWorkers = 4
	maxFindings  = 5 // differences that are told in full
)

// showCrawl has a client walk through folders by their listings alone, compares every file with the disk, and what the
// client came to see with what there is.
func showCrawl(ctx context.Context, p *proof) ([]claim, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	odd, err := makeOddFolder(p.work)
	if err != nil {
		return nil, err
	}
	var claims []claim
	for _, folder := range []struct{ says, path string }{
		{"the Go distribution", strings.TrimSpace(string(goroot))},
		{"/usr/share/doc", "/usr/share/doc"},
		{"a folder of odd names", odd},
	} {
		found, err := p.crawlFolder(ctx, folder.path)
		if err != nil {
			return claims, fmt.Errorf("%s: %w", folder.says, err)
		}
		claims = append(claims, claim{
			says:     folder.says + ", crawled by its listings, is what is on the disk, byte by byte",
			measured: found.String(),
			holds:    found.sound(),
		})
	}
	return claims, nil
}

// crawlFolder serves a folder and crawls it.
func (p *proof) crawlFolder(ctx context.Context, root string) (*findings, error) {
	disk, err := readTree(root)
	if err != nil {
		return nil, err
	}
	srv, err := p.startServer(ctx, p.highball, root, "--listing")
	if err != nil {
		return nil, err
	}
	defer srv.kill()
	transport := &http.Transport{MaxIdleConnsPerHost: crawlWorkers, DisableCompression: true}
	defer transport.CloseIdleConnections()
	c := &crawler{disk: disk, address: srv.address, client: transport}
	c.found.links, c.found.loops = disk.links, len(disk.loops)
	if err := c.crawl(ctx); err != nil {
		return nil, err
	}
	return &c.found, srv.stop()
}

// findings is what a crawl came to see.
type findings struct {
	mu sync.Mutex // guards all below

	folders, indexed, files int
	links, loops, withheld  int
	bytes                   int64
	wrong                   int
	examples                []string
}

// sound reports whether there was something and all of it was right.
func (f *findings) sound() bool { return f.files > 0 && f.wrong == 0 }

func (f *findings) String() string {
	text := fmt.Sprintf("%d files (%d by links), %.1f MB, in %d folders (%d with an index, %d loops by links); "+
		"%d names withheld; %d differences", f.files, f.links, float64(f.bytes)/1e6, f.folders, f.indexed, f.loops, f.withheld, f.wrong)
	if len(f.examples) > 0 {
		text += ": " + strings.Join(f.examples, "; ")
	}
	return text
}

// differ records that the server and the disk do not agree about a name.
func (f *findings) differ(name, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrong++
	if len(f.examples) < maxFindings {
		f.examples = append(f.examples, fmt.Sprintf("%q: ", name)+fmt.Sprintf(format, args...))
	}
}

// crawler is a client of one folder.
type crawler struct {
	disk    *tree
	address string
	client  http.RoundTripper // one that follows no redirections and decodes nothing
	found   findings
}

// crawl reads the folders, level by level, and then all files that it has heard of. An error means that the crawl could
// not go on; what differs is a finding.
func (c *crawler) crawl(ctx context.Context) error {
	var files []string
	for level := []string{""}; len(level) > 0; {
		var mu sync.Mutex
		var next []string
		err := parallel(ctx, level, func(ctx context.Context, folder string) error {
			seen, err := c.folder(ctx, folder)
			if err != nil {
				return fmt.Errorf("folder %q: %w", folder, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for child, isFolder := range seen {
				switch {
				case !isFolder:
					files = append(files, child)
				case !c.disk.loops[child]:
					next = append(next, child)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		c.found.folders += len(level)
		level = next
	}
	err := parallel(ctx, files, func(ctx context.Context, name string) error {
		n, err := c.file(ctx, name)
		if err != nil {
			return fmt.Errorf("file %q: %w", name, err)
		}
		c.found.mu.Lock()
		defer c.found.mu.Unlock()
		c.found.files++
		c.found.bytes += n
		return nil
	})
	if err != nil {
		return err
	}
	heard := make(map[string]bool, len(files))
	for _, name := range files {
		heard[name] = true
	}
	for name := range c.disk.files {
		if !heard[name] {
			c.found.differ(name, "on the disk, not seen in the crawl")
		}
	}
	c.found.withheld = len(c.disk.withheld)
	return parallel(ctx, c.disk.withheld, c.absent)
}

// folder asks for a folder as JSON and returns the names in it, with whether each is a folder. Names that JSON cannot
// carry are taken from the links of the page. A folder with an index file shows that instead: its names come from the
// disk.
func (c *crawler) folder(ctx context.Context, folder string) (map[string]bool, error) {
	response, text, err := c.read(ctx, folder+"/", "application/json")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	if response.StatusCode != http.StatusOK {
		c.found.differ(folder+"/", "status %d", response.StatusCode)
		return seen, nil
	}
	if response.Header.Get("Content-Type") != "application/json" {
		return c.indexed(folder, text), nil
	}
	var entries []struct{ Name, Type string }
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}
	lossy := false
	for _, e := range entries {
		lossy = lossy || strings.ContainsRune(e.Name, utf8.RuneError)
		seen[path.Join(folder, e.Name)] = e.Type == "folder"
	}
	if lossy {
		if seen, err = c.linked(ctx, folder); err != nil {
			return nil, err
		}
	}
	return seen, nil
}

// indexed compares a folder's index file with the disk and returns what is to be seen of the folder there.
func (c *crawler) indexed(folder string, text []byte) map[string]bool {
	index := c.disk.path(path.Join(folder, "index.html"))
	if _, err := os.Stat(index); err != nil {
		index = c.disk.path(path.Join(folder, "index.htm"))
	}
	if want, err := os.ReadFile(index); err != nil || !bytes.Equal(text, want) {
		c.found.differ(folder+"/", "neither a listing nor the index file")
	}
	c.found.mu.Lock()
	c.found.indexed++
	c.found.mu.Unlock()
	seen := map[string]bool{}
	for _, name := range c.disk.folders[folder] {
		child := path.Join(folder, name)
		seen[child] = !c.disk.files[child]
	}
	return seen
}

// entryLink finds the links of a listing that lead to what the folder holds. They begin with "./".
var entryLink = regexp.MustCompile(`<a href="\./([^"?]+)"`)

// linked returns what the page that lists a folder links to.
func (c *crawler) linked(ctx context.Context, folder string) (map[string]bool, error) {
	_, text, err := c.read(ctx, folder+"/", "text/html")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, link := range entryLink.FindAllSubmatch(text, -1) {
		name, err := url.PathUnescape(string(link[1]))
		if err != nil {
			c.found.differ(folder+"/", "link %q: %v", link[1], err)
			continue
		}
		seen[path.Join(folder, name)] = strings.HasSuffix(name, "/")
	}
	return seen, nil
}

// file fetches a file and compares it with the disk. It returns how many bytes came.
func (c *crawler) file(ctx context.Context, name string) (int64, error) {
	if !c.disk.files[name] {
		c.found.differ(name, "seen in the crawl, not to be served from the disk")
	}
	want, err := os.ReadFile(c.disk.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // what was wrong with it has been said
	}
	if err != nil {
		return 0, err
	}
	response, text, err := c.read(ctx, name, "")
	switch {
	case err != nil:
		return 0, err
	case response.StatusCode != http.StatusOK:
		c.found.differ(name, "status %d", response.StatusCode)
	case response.Header.Get("Content-Encoding") != "":
		c.found.differ(name, "coded as %s without being asked", response.Header.Get("Content-Encoding"))
	case !bytes.Equal(text, want):
		c.found.differ(name, "%d bytes, %d on the disk, or others", len(text), len(want))
	}
	return int64(len(text)), nil
}

// absent sees that a name is answered as if there were nothing.
func (c *crawler) absent(ctx context.Context, name string) error {
	response, _, err := c.read(ctx, name, "")
	if err == nil && response.StatusCode != http.StatusNotFound {
		c.found.differ(name, "status %d for what is to be withheld", response.StatusCode)
	}
	return err
}

// read asks for a name and reads the whole answer.
func (c *crawler) read(ctx context.Context, name, accept string) (*http.Response, []byte, error) {
	target := url.URL{Scheme: "http", Host: c.address, Path: "/" + strings.TrimPrefix(name, "/")}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := c.client.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response, text, err
}

// parallel calls do for every item, by several workers, until all is done or a call fails; it returns the first error.
func parallel[T any](ctx context.Context, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan T)
	var workers sync.WaitGroup
	for range crawlWorkers {
		workers.Go(func() {
			for item := range work {
				if ctx.Err() != nil {
					continue
				}
				if err := do(ctx, item); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, item := range items {
		work <- item
	}
	close(work)
	workers.Wait()
	return context.Cause(ctx)
}
