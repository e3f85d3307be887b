package observe

// RequestID names a request: by what was given, or by the server's start, the connection, and the number of the request on it.
type RequestID struct {
	Given      string
	Epoch      string
	Connection uint64
	Number     uint32
}

// Append appends the name, such as "5f3a9c01-1b-3". It does not allocate when dst has room.
func (id *RequestID) Append(dst []byte) []byte {
	if id.Given != "" {
		return append(dst, id.Given...)
	}
	return appendInt(id.AppendStart(dst), int64(id.Number))
}

// AppendStart appends what the names of all requests of the connection begin with that were given none.
func (id *RequestID) AppendStart(dst []byte) []byte {
	dst = append(append(dst, id.Epoch...), '-')
	return append(appendHex(dst, id.Connection), '-')
}
