package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// App is a Python application: a named pool of worker processes. Routes of sites say where it answers.
type App struct {
	Name string // as routes call it; unique

	// WSGI says what the application is: "module:attr.sub", "module:factory()", "file.py:attr", a module or file alone, or the path
	// of a Django project's manage.py. Files are looked for in Dir.
	WSGI    string
	Factory bool // WSGI names a function that returns the application

	// Classes is in place of WSGI: the absolute path of a folder of modules, of which URLs name one.
	Classes string

	Dir     string   // working directory of the workers, an absolute path
	Python  string   // an interpreter or the folder of a virtual environment; "" is searched for
	EnvFile string   // file of variables for the workers, an absolute path or "", see [LoadEnvFile]
	Env     []string // NAME=VALUE, over those of EnvFile

	Workers    int // processes; 0 is one for each processor
	MaxWorkers int // up to so many while requests wait; 0 is as many as Workers
	Threads    int // requests that one worker answers at a time
	Preload    bool

	MaxRequests    int           // after so many a worker is replaced; 0 is never
	RequestsJitter int           // and up to so many more, by chance
	MaxAge         time.Duration // after which a worker is replaced; 0 is never
	MaxMemory      int64         // bytes in memory beyond which a worker is replaced; 0 is never

	QueueLimit    int           // requests that wait for a worker
	QueueDeadline time.Duration // for a request to get one
	MaxBody       int64         // of a request, in bytes, or Off
	StopDeadline  time.Duration // for a worker to finish what it has when it is to go
	User, Group   string        // to run the workers as; "" is as the server does
	Reload        bool          // replace the workers when a file of the application changes

	Pos Pos // where the application begins; zero for the command line
}

// DefaultApp returns the application of an [app] table that sets nothing but what it runs, in the folder dir, an absolute path.
func DefaultApp(name, wsgi, dir string) App {
	return App{
		Name:          name,
		WSGI:          wsgi,
		Dir:           dir,
		Threads:       1,
		QueueLimit:    1024,
		QueueDeadline: 10 * time.Second,
		MaxBody:       1 << 30,
		StopDeadline:  10 * time.Second,
	}
}

// jitterShare is the part of MaxRequests that RequestsJitter gets where MaxRequests is given by a flag: enough to keep workers that were
// started together from being replaced together.
const jitterShare = 10

// apply puts o over the application.
func (a *App) apply(o Overrides) {
	put(&a.Workers, o.Workers)
	put(&a.MaxWorkers, o.MaxWorkers)
	put(&a.Threads, o.Threads)
	put(&a.Preload, o.Preload)
	put(&a.Python, o.Python)
	if o.MaxRequests != nil {
		a.MaxRequests, a.RequestsJitter = *o.MaxRequests, *o.MaxRequests/jitterShare
	}
	put(&a.MaxAge, o.MaxAge)
	put(&a.MaxMemory, o.MaxMemory)
	put(&a.QueueLimit, o.QueueLimit)
	put(&a.QueueDeadline, o.QueueDeadline)
	put(&a.MaxBody, o.MaxBody)
	put(&a.Reload, o.Reload)
}

// parsePython reads an interpreter's path or name, or the folder of a virtual environment. What is there is made absolute, since the
// workers have a folder of their own.
func parsePython(s string) (string, error) {
	if strings.Contains(s, "\x00") || s == "" {
		return "", fault("write an interpreter, such as python3.12, or the folder of a virtual environment", "%q is not a path", s)
	}
	if _, err := os.Stat(s); err != nil && !strings.ContainsAny(s, `/\`) {
		return s, nil // a name, to be found in PATH
	}
	return filepath.Abs(s)
}

// parseMaxBody reads the limit of request bodies.
func parseMaxBody(s string) (int64, error) {
	if s == "off" {
		return Off, nil
	}
	return parseAmount(s)
}
