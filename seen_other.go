//go:build !linux

package highball

import "highball/internal/observe"

func (c *conn) pends() bool { return false }

func (c *conn) moves() bool { return false }

func (c *conn) liveOnLoop(int64) (l observe.Live, ok bool) { return l, false }

func (c *conn) census(n *observe.Connections) { c.censusBlocking(n) }

func (c *conn) interrupt(why *interruption) bool { return c.interruptBlocking(why) }
