package observe

import (
	"slices"
	"time"
)

// Clock turns instants into the texts that log lines carry. It keeps the text
// of the last second it was asked for, so that requests of the same second
// share the work. The zero Clock is ready and prints local time. It may be used
// by one goroutine at a time.
type Clock struct {
	// Location is the time zone of the texts; nil means [time.Local].
	Location *time.Location

	second int64 // Unix time that the texts below stand for
	valid  bool  // the texts have been made

	common  [26]byte // 02/Jan/2006:15:04:05 -0700
	date    [19]byte // 2006-01-02T15:04:05
	zone    [6]byte  // -07:00, or Z
	zoneLen int
	json    [49]byte // {"time":"2006-01-02T15:04:05.000000-07:00","id":"
	jsonLen int
}

const monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"

// appendCommon appends t as the common log format has it.
func (c *Clock) appendCommon(dst []byte, t time.Time) []byte {
	c.moveTo(t)
	return append(dst, c.common[:]...)
}

// appendRFC3339 appends t as RFC 3339 has it, with microseconds.
func (c *Clock) appendRFC3339(dst []byte, t time.Time) []byte {
	c.moveTo(t)
	dst = append(dst, c.date[:]...)
	dst = append(dst, '.')
	dst = appendMicros(dst, t.Nanosecond()/1000)
	return append(dst, c.zone[:c.zoneLen]...)
}

// appendJSONStart appends the beginning of a line of JSON: the time, and the name
// of the member that follows.
func (c *Clock) appendJSONStart(dst []byte, t time.Time) []byte {
	c.moveTo(t)
	dst = slices.Grow(dst, len(c.json))
	b := dst[len(dst) : len(dst)+len(c.json)]
	*(*[len(c.json)]byte)(b) = c.json // what is too much will be written over
	putMicros(b[len(jsonTime)+len(c.date)+len("."):], uint32(t.Nanosecond())/1000)
	return dst[:len(dst)+c.jsonLen]
}

// What a line of JSON has before the time and after it.
const (
	jsonTime    = `{"time":"`
	jsonTimeEnd = `","id":"`
)

// moveTo makes the cached texts those of t's second.
func (c *Clock) moveTo(t time.Time) {
	if second := t.Unix(); second != c.second || !c.valid {
		c.render(t, second)
	}
}

func (c *Clock) render(t time.Time, second int64) {
	location := c.Location
	if location == nil {
		location = time.Local
	}
	t = t.In(location)
	year, month, day := t.Date()
	year = max(year, 0)
	hour, minute, sec := t.Clock()
	_, offset := t.Zone()
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	zoneHour, zoneMinute := offset/3600, offset/60%60

	b := c.common[:0]
	b = append(appendTwo(b, day), '/')
	b = append(b, monthNames[3*month-3:3*month]...)
	b = append(b, '/')
	b = append(appendTwo(appendTwo(b, year/100%100), year%100), ':')
	b = append(appendTwo(b, hour), ':')
	b = append(appendTwo(b, minute), ':')
	b = append(appendTwo(b, sec), ' ', sign)
	appendTwo(appendTwo(b, zoneHour), zoneMinute)

	b = c.date[:0]
	b = append(appendTwo(appendTwo(b, year/100%100), year%100), '-')
	b = append(appendTwo(b, int(month)), '-')
	b = append(appendTwo(b, day), 'T')
	b = append(appendTwo(b, hour), ':')
	b = append(appendTwo(b, minute), ':')
	appendTwo(b, sec)

	b = c.zone[:0]
	if offset == 0 {
		b = append(b, 'Z')
	} else {
		b = append(appendTwo(append(b, sign), zoneHour), ':')
		b = appendTwo(b, zoneMinute)
	}
	c.zoneLen = len(b)

	b = append(append(c.json[:0], jsonTime...), c.date[:]...)
	b = append(append(b, ".000000"...), c.zone[:c.zoneLen]...)
	c.jsonLen = len(append(b, jsonTimeEnd...))
	c.second, c.valid = second, true
}
