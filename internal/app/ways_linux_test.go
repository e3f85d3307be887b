package app

// waysAsked is how a server with event loops asks a handler that declines all but Serve.
func waysAsked() []string { return []string{"inline", "later", "serve"} }
