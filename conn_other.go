//go:build !linux

package highball

import "net/netip"

// onLoop is empty where there are no event loops.
type onLoop struct{}

func (c *conn) looped() bool              { return false }
func (c *conn) attach() bool              { return false }
func (c *conn) unread() bool              { return false }
func (c *conn) now(*exchange) int64       { return c.srv.now() }
func (c *conn) localAddr() netip.AddrPort { return c.local }
func (c *conn) at() string                { return c.driver.at }
func (c *conn) shard() int                { return c.srv.loops() }
