package policy

import (
	"fmt"
	"strconv"
	"time"

	"highball"
)

// maxPage is the size in bytes of the largest page that is kept in memory.
const maxPage = 1 << 20

// maintenance answers in the handler's place, with page or with what is in file.
type maintenance struct {
	allow *prefixes
	page  *highball.Prepared
	file  *watched[highball.Prepared]
}

func (h *handler) buildMaintenance(cfg *Config) error {
	c := cfg.Maintenance
	if c == nil {
		return nil
	}
	m := new(maintenance)
	var err error
	if m.allow, err = newPrefixes(c.Allow, nil); err != nil {
		return fmt.Errorf("maintenance: %w", err)
	}
	var header highball.Header
	header.Set("Cache-Control", "no-store")
	if c.RetryAfter > 0 {
		header.Set("Retry-After", seconds(c.RetryAfter))
	}
	if c.Page == "" {
		m.page, err = highball.PrepareErrorPage(503, &header)
	} else {
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("X-Content-Type-Options", "nosniff")
		m.file, err = watch(c.Page, maxPage, h.clock(), cfg.Logger, func(text []byte) (*highball.Prepared, error) {
			return highball.Prepare(503, &header, text)
		})
	}
	if err != nil {
		return fmt.Errorf("maintenance: %w", err)
	}
	h.maintenance = m
	return nil
}

// seconds returns d in whole seconds, rounded up, at least one: the value of a field that says when to come back.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64(max(1, (d+time.Second-1)/time.Second)), 10)
}
