package config

// The least that says anything of a busy server's last seconds, and more than anybody looks through.
const (
	leastRecorderSize = 256 << 10
	mostRecorderSize  = 1 << 30
)

// recorder is the table of the keys of [recorder].
func (d *decoder) recorder(into *Recorder) []field {
	size := func(v value) {
		switch n, ok := d.number(v, ParseSize); {
		case !ok:
		case n != Off && (n < leastRecorderSize || n > mostRecorderSize):
			d.errs.add(v.pos, v.key+" is out of bounds", `write a size from "256KiB" to "1GiB", or "off" to have no recorder`)
		default:
			into.Size = n
		}
	}
	return []field{
		field{"size", size},
	}
}
