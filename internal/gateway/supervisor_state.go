package gateway

// state is where a worker is in its life:
//
//	starting   its process runs, or is about to, and loads the application
//	loaded     it could take requests; it waits for the others that are to begin with it
//	serving    the pool gives it requests
//	retiring   the pool gives it no more, and waits for the answers to those it has
//	stopping   it was told to exit, or is being killed
//	dead       its process is reaped
//
//	            loaded serving retiring  stopping  dead
//	starting       x                         x       x
//	loaded                x                  x       x
//	serving                        x         x       x
//	retiring                                 x       x
//	stopping                                         x
//
// A worker goes from serving to stopping, past retiring, when it is killed. The parent that workers are forked from is
// serving once it has loaded the application, though no request is for it, and never retires.
type state uint8

const (
	starting state = iota
	loaded
	serving
	retiring
	stopping
	dead
)

// follow has for each state those that may come after it.
var follow = [...]uint8{
	starting: 1<<loaded | 1<<stopping | 1<<dead,
	loaded:   1<<serving | 1<<stopping | 1<<dead,
	serving:  1<<retiring | 1<<stopping | 1<<dead,
	retiring: 1<<stopping | 1<<dead,
	stopping: 1 << dead,
	dead:     0,
}

func (s state) String() string {
	return [...]string{"starting", "loaded", "serving", "retiring", "stopping", "dead"}[s]
}

// become changes the state if the table allows it. Events cross: a worker that is to be replaced for its age may have died
// in the meantime. Whoever wants the change acts on it only if it has taken place.
func (s *state) become(next state) bool {
	if follow[*s]&(1<<next) == 0 {
		return false
	}
	*s = next
	return true
}
