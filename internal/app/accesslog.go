package app

import (
	"fmt"

	"highball/internal/config"
	"highball/internal/observe"
)

// accessPlace returns where a configuration has the access log written to.
func accessPlace(l config.Log) logPlace {
	p := logPlace{kind: "access log", file: l.AccessFile, syslog: l.AccessSyslog, rotate: l.Rotate}
	p.stdout = p.file == "" && p.syslog == ""
	if l.Access == "off" {
		return logPlace{kind: p.kind}
	}
	if p.file == "" {
		p.rotate = config.Rotate{}
	}
	return p
}

// accessSettings returns what a configuration has the access log say.
func accessSettings(l config.Log) (observe.AccessSettings, error) {
	s := observe.AccessSettings{Off: l.Access == "off", LeaveOut: 1 - l.Sample, Masks: masksOf(l)}
	if s.Off {
		return s, nil
	}
	var err error
	if s.Format, err = observe.ParseFormat(l.Access); err != nil {
		err = at(l.AccessPos, fmt.Errorf("access log: %w", err))
	}
	return s, err
}

// masksOf returns what a configuration has logs not show.
func masksOf(l config.Log) *observe.Masks {
	parameters, fields := l.MaskQuery, l.MaskHeaders
	if parameters == nil {
		parameters = observe.DefaultSecretParameters()
	}
	if fields == nil {
		fields = observe.DefaultSecretFields()
	}
	return observe.NewMasks(parameters, fields)
}

// checkAccessFormat says what is wrong with a format on the command line.
func checkAccessFormat(text string) error {
	if text == "off" {
		return nil
	}
	_, err := observe.ParseFormat(text)
	return err
}
