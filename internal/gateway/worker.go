package gateway

import (
	_ "embed"
	"encoding/json"
)

//go:embed worker_load.py
var workerLoad string

//go:embed worker_response.py
var workerResponse string

//go:embed worker_stacks.py
var workerStacks string

//go:embed worker_classes.py
var workerClasses string

//go:embed worker.py
var workerMain string

// workerSource is the program of a worker, which runs in the user's interpreter. worker.py, which opens with the theory of
// its operation, comes last, since it runs as it is read.
var workerSource = []byte(workerLoad + workerResponse + workerStacks + workerMain)

// classesSource is that program for a worker whose target is a folder of classes.
var classesSource = []byte(workerLoad + workerResponse + workerStacks + workerClasses + workerMain)

// bootText is what an interpreter is given by -c. It reads descriptor 7 to its end: the length of the source in decimal, a
// newline, the source, and the configuration, which the source finds as CONFIG. The name that the source is compiled under
// is how tracebacks and stacks are rid of it.
const bootText = `import os;f=os.fdopen(7,'rb');s=f.read(int(f.readline()));c=f.read();f.close();` +
	`exec(compile(s,'<highball>','exec'),{'__name__':'__highball__','CONFIG':c})`

// sampleEnviron is an environ as the server encodes one, by which a worker tests that its interpreter decodes it, with the place of a
// preset at its end, so that it has each code of marshal that is used. It stands for
//
//	('GET', '', '/caf\xc3\xa9', 'a=1', '/caf%C3%A9?a=1', 'HTTP/1.1', 'http', '127.0.0.1', '50000', 'localhost', '8000',
//	 None, '0', '5f3a9c01-1b-3', {'HTTP_HOST': 'localhost:8000', 'HTTP_X_LONG': 300 times 'x'}, 255)
const sampleEnviron = ")\x10" + "z\x03GET" + "z\x00" + "u\x08\x00\x00\x00/caf\xc3\x83\xc2\xa9" + "z\x03a=1" + "z\x0e/caf%C3%A9?a=1" +
	"z\x08HTTP/1.1" + "z\x04http" + "z\x09127.0.0.1" + "z\x0550000" + "z\x09localhost" + "z\x048000" + "N" + "z\x010" +
	"z\x0d5f3a9c01-1b-3" + "{" + "z\x09HTTP_HOST" + "z\x0elocalhost:8000" + "z\x0bHTTP_X_LONG" + "a\x2c\x01\x00\x00" + sampleLong + "0" + "i\xff\x00\x00\x00"

const (
	sampleLong = sample50 + sample50 + sample50 + sample50 + sample50 + sample50
	sample50   = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
)

// workerConfig is what a worker is told at its start.
type workerConfig struct {
	Target       string   `json:"target"`       // what to serve, as Config.Target
	Factory      bool     `json:"factory"`      // the target makes the application
	Dir          string   `json:"dir"`          // entered first; "" is where the worker was started
	Threads      int      `json:"threads"`      // that run the application; at least 1
	Preload      bool     `json:"preload"`      // serve nothing, but fork workers that do
	Debug        bool     `json:"debug"`        // tell all about failures
	Worker       int      `json:"worker"`       // number, for messages
	Multiprocess bool     `json:"multiprocess"` // whether there are other workers
	Software     string   `json:"software"`     // SERVER_SOFTWARE
	Sample       []byte   `json:"sample"`       // sampleEnviron
	Path         []string `json:"path"`         // put before the rest of sys.path
	StackSignal  int      `json:"stack_signal"` // stackSignal, or 0 where there is no such signal
	Slot         int      `json:"slot"`         // bytes of a slot of the arena, or 0 if there is no arena
}

// encode returns c as the worker reads it.
func (c workerConfig) encode() ([]byte, error) {
	return json.Marshal(c)
}
