package config

// Recorder is the flight recorder.
type Recorder struct {
	Size int64 // bytes of memory, or Off
}

// DefaultRecorderSize is how many bytes of memory the flight recorder has where nobody says otherwise.
const DefaultRecorderSize = 4 << 20
