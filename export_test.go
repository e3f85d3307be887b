package highball

// SetClock has the server measure by clock, in nanoseconds, which never goes back. It is called before the server begins.
func (s *Server) SetClock(clock func() int64) { s.state.clock = clock }
