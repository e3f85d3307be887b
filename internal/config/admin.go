package config

// Admin is the interface for control of a running server.
type Admin struct {
	Socket string // absolute path of a unix socket; "" leaves it to the server, "off" has none
	Listen string // "host:port" of a loopback address; "" has none
	Token  string // that requests at Listen have to bring; "" leaves it to the server
}
