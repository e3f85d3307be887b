package config

import (
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2/unstable"
)

// log is the table of the keys of [log].
func (d *decoder) log(l *Log) []field {
	return []field{
		field{"access", func(v value) {
			l.AccessPos = v.pos
			text(d, `a format in quotes, such as "common"`, &l.Access, parseAccess)(v)
		}},
		field{"access_file", text(d, "a path in quotes", &l.AccessFile, d.newFile)},
		field{"access_syslog", text(d, `"unix:/dev/log", or "udp:" and an address`, &l.AccessSyslog, d.syslog)},
		field{"rotate", d.rotate(&l.Rotate)},
		field{"sample", d.fraction(&l.Sample)},
		field{"mask_query", d.names(&l.MaskQuery, `names of parameters in quotes, such as ["token"]`, parseParameter)},
		field{"mask_headers", d.names(&l.MaskHeaders, `names of header fields in quotes, such as ["Cookie"]`, parseFieldName)},
		field{"stats_file", text(d, "a path in quotes", &l.StatsFile, d.logFile)},
		field{"slow", d.period(&l.Slow, parseSlow)},
		field{"slow_file", text(d, "a path in quotes", &l.SlowFile, d.logFile)},
	}
}

// rotate returns the setter of when files are begun anew.
func (d *decoder) rotate(into *Rotate) func(value) {
	return func(v value) {
		const want = `a table such as { size = "100MB", keep = 7, compress = true }`
		if v.table == nil {
			d.mismatch(v, want)
			return
		}
		d.fields(v, "rotate",
			field{"size", d.size(&into.Size)},
			field{"age", d.period(&into.Age, parseWait)},
			field{"keep", d.count(&into.Keep, 1)},
			field{"compress", d.bool(&into.Compress)},
		)
		into.Size = max(into.Size, 0)
		if into.Size == 0 && into.Age == 0 && v.table.find("age") == nil {
			d.errs.add(v.pos, "rotate does not say when", "write a size or an age: "+want)
		}
	}
}

// checkLog checks what no single key of [log] shows.
func (d *decoder) checkLog(root *table, l *Log) {
	log := root.find("log")
	if log == nil || log.value.table == nil {
		return
	}
	keys := log.value.table
	if l.AccessFile != "" && l.AccessSyslog != "" {
		d.errs.add(keys.find("access_syslog").pos, "the access log has a file already", "leave out access_file or access_syslog")
	}
	if e := keys.find("slow_file"); e != nil && l.Slow == Off {
		d.errs.add(e.pos, `slow_file has no meaning beside slow = "off"`, "leave one of them out")
	}
	named := make(map[string]string)
	for _, file := range []struct{ key, path string }{{"access_file", l.AccessFile}, {"stats_file", l.StatsFile}, {"slow_file", l.SlowFile}} {
		if file.path == "" {
			continue
		}
		if other := named[file.path]; other != "" {
			d.errs.add(keys.find(file.key).value.pos, fmt.Sprintf("%s and %s are one file", other, file.key), "give each a file of its own")
		}
		named[file.path] = file.key
	}
}

// fraction returns a setter that stores a number from 0 to 1.
func (d *decoder) fraction(into *float64) func(value) {
	return func(v value) {
		n, err := strconv.ParseFloat(strings.ReplaceAll(v.text, "_", ""), 64)
		switch {
		case v.kind != unstable.Float && v.kind != unstable.Integer:
			d.mismatch(v, "a number from 0 to 1, such as 0.01 for one in a hundred")
		case err != nil || !(n >= 0 && n <= 1):
			d.errs.add(v.pos, v.key+" is "+v.text, "write a number from 0 to 1, such as 0.01 for one in a hundred")
		default:
			*into = n
		}
	}
}

// names returns a setter that stores names, in place of a list that the server has; an empty one is none.
func (d *decoder) names(into *[]string, want string, parse func(string) (string, error)) func(value) {
	return func(v value) {
		*into = []string{}
		if v.kind == unstable.Array && len(v.items) == 0 {
			return
		}
		d.words(into, want, parse)(v)
	}
}

// parseParameter checks the name of a parameter, as it reads when it is decoded.
func parseParameter(s string) (string, error) {
	if s == "" || len(s) > 100 || strings.ContainsAny(s, "?&;#= ") || strings.IndexFunc(s, isControl) >= 0 {
		return "", fault(`write what stands before the "=", such as "token"`, "%q is not the name of a parameter", s)
	}
	return s, nil
}

// logFile resolves the path of a log file that there need not be.
func (d *decoder) logFile(path string) (string, error) {
	if _, err := d.newFile(path); err != nil {
		return "", fault("leave the key out to have none", "%q is not the path of a file", path)
	}
	return d.resolve(path), nil
}

// parseSlow reads from when on a request is slow.
func parseSlow(s string) (time.Duration, error) {
	if s == "off" {
		return Off, nil
	}
	return parseWait(s)
}

// syslog reads the address of a syslog daemon.
func (d *decoder) syslog(s string) (string, error) {
	const remedy = `write "unix:/dev/log", or as in "udp:127.0.0.1:514"`
	kind, where, _ := strings.Cut(s, ":")
	switch {
	case kind == "unix" && where != "" && !strings.Contains(where, "\x00"):
		return "unix:" + d.resolve(where), nil
	case kind == "udp":
		host, port, err := net.SplitHostPort(where)
		if n, wrong := parsePort(port); err == nil && wrong == nil && n > 0 && host != "" {
			return s, nil
		}
	}
	return "", fault(remedy, "%q is not the address of a syslog", s)
}

// parseAccess reads the name of an access log format, or takes a template, whose names are not known here.
func parseAccess(s string) (string, error) {
	if strings.ContainsAny(s, "{}") {
		return s, nil
	}
	return oneOf(s, "access log format", "common", "combined", "json", "off")
}

// parseLogFile reads the path of a log file on the command line, or "off".
func parseLogFile(s string) (string, error) {
	if s == "off" {
		return "", nil
	}
	if s == "" || strings.Contains(s, "\x00") {
		return "", fault("write the path of a file, or off", "%q is not the path of a file", s)
	}
	return filepath.Abs(s)
}
