package config

import "time"

// Log says what is recorded and where.
type Log struct {
	Access       string // "common", "combined", "json", "off", or a template, which is for who writes the log to read
	AccessPos    Pos    `json:"-"` // where it was written; zero for a default and for the command line
	AccessFile   string // absolute path; "" is standard output, unless there is an AccessSyslog
	AccessSyslog string // "unix:" and an absolute path, or "udp:" and an address with its port; "" is none

	Rotate Rotate // of every file of the log
	Sample float64

	// MaskQuery and MaskHeaders are names of parameters and of header fields whose values are not recorded; nil stands for the lists of the server, and
	// an empty list for none.
	MaskQuery, MaskHeaders []string

	StatsFile string        // absolute path of a file with a line for each closed connection; "" is none
	Slow      time.Duration // requests that take the server longer are told of, or Off
	SlowFile  string        // absolute path; "" is the server's own log
}

// Rotate says when the files of the log are begun anew, and what becomes of the former ones. The zero value leaves that to others.
type Rotate struct {
	Size     int64         // bytes; 0 is no limit
	Age      time.Duration // 0 is no limit
	Keep     int           // files that stay; 0 keeps all
	Compress bool
}

// DefaultSlow is how long the server may take for a request that is not slow.
const DefaultSlow = 5 * time.Second

func defaultLog() Log { return Log{Access: "common", Sample: 1, Slow: DefaultSlow} }

// Files returns the paths of the files of the log.
func (l *Log) Files() (all []string) {
	if l.Access != "off" && l.AccessFile != "" {
		all = append(all, l.AccessFile)
	}
	if l.StatsFile != "" {
		all = append(all, l.StatsFile)
	}
	if l.Slow != Off && l.SlowFile != "" {
		all = append(all, l.SlowFile)
	}
	return all
}
