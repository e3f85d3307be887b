//go:build !linux

package highball

// onPeer is empty where there are no event loops.
type onPeer struct{}

func (p *Peer) begin([]driving) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beginAlone()
	return nil
}

// Near reports whether t is a turn of the loop that moves the stream.
func (p *Peer) Near(t *Turn) bool { return false }

func (p *Peer) looped() bool             { return false }
func (p *Peer) sendLooped(*Turn, []byte) {}
func (p *Peer) rewatch()                 {}
func (p *Peer) hangUp()                  {}
func (p *Peer) release()                 {}
