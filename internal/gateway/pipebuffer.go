package gateway

import "sync"

// pipeBuffer is as much as is read from a pipe, or written to one, at once.
type pipeBuffer [32 << 10]byte

// pipeBuffers are those that nobody uses. A short script would otherwise leave more behind in buffers than in all else.
var pipeBuffers = sync.Pool{New: func() any { return new(pipeBuffer) }}

func takePipeBuffer() *pipeBuffer { return pipeBuffers.Get().(*pipeBuffer) }

// give ends the use of the buffer.
func (b *pipeBuffer) give() { pipeBuffers.Put(b) }
