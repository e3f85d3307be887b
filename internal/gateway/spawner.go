package gateway

import "runtime"

// A spawner starts processes on one thread of the operating system, which lives until close. Linux can have a process
// killed when the thread that has started it ends; the runtime ends threads as it likes, but not one that is locked.
type spawner struct {
	work chan func()
	over chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{work: make(chan func()), over: make(chan struct{})}
	go s.run()
	return s
}

func (s *spawner) run() {
	defer close(s.over)
	runtime.LockOSThread()
	// Without this the thread would end with the goroutine.
	defer runtime.UnlockOSThread()
	for f := range s.work {
		f()
	}
}

// do calls f on the thread and returns when f has returned. A nil spawner calls it on any thread.
func (s *spawner) do(f func()) {
	if s == nil {
		f()
		return
	}
	finished := make(chan struct{})
	s.work <- func() {
		defer close(finished)
		f()
	}
	<-finished
}

// close ends the thread's duty. It must not be used any more, and the processes that it has started should be dead.
func (s *spawner) close() {
	close(s.work)
	<-s.over
}
