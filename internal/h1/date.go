package h1

import "strings"

// Dates of HTTP (RFC 9110, section 5.6.7) to and from seconds since 1970-01-01 00:00:00 UTC. The calendar is the
// Gregorian one throughout. It is computed on years that start in March, so that a leap day is the last one of its year.

const (
	secondsPerDay = 24 * 60 * 60
	daysPerCycle  = 400*365 + 97 // the calendar repeats after 400 years
	daysFromYear0 = 719468       // from 0000-03-01 to 1970-01-01
	firstSecond   = -62167219200 // of the year 0
	lastSecond    = 253402300799 // of the year 9999
	fixdateLength = len("Sun, 06 Nov 1994 08:49:37 GMT")
	asctimeLength = len("Sun Nov  6 08:49:37 1994")
	rfc850Length  = len(", 06-Nov-94 08:49:37 GMT") // without the name of the day
)

const (
	dayNames   = "SunMonTueWedThuFriSat"
	monthNames = "JanFebMarAprMayJunJulAugSepOctNovDec"
)

var longDayNames = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}

// AppendDate appends the IMF-fixdate of a time, as Date and Last-Modified need it. A time outside of
// the years 0 to 9999 is replaced by the nearest one inside.
func AppendDate(dst []byte, unixSec int64) []byte {
	unixSec = max(firstSecond, min(unixSec, lastSecond))
	days, second := floorDivide(unixSec, secondsPerDay)
	year, month, day := dateOfDay(days)
	_, weekday := floorDivide(days+4, 7) // 1970-01-01 was a Thursday

	dst = append(dst, dayNames[weekday*3:weekday*3+3]...)
	dst = append(dst, ", "...)
	dst = appendTwo(dst, day)
	dst = append(dst, ' ')
	dst = append(dst, monthNames[month*3-3:month*3]...)
	dst = append(dst, ' ')
	dst = appendTwo(dst, year/100)
	dst = appendTwo(dst, year%100)
	dst = append(dst, ' ')
	dst = appendTwo(dst, second/3600)
	dst = append(dst, ':')
	dst = appendTwo(dst, second/60%60)
	dst = append(dst, ':')
	dst = appendTwo(dst, second%60)
	return append(dst, " GMT"...)
}

func appendTwo(dst []byte, n int64) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// ParseDate reads a date in any of the three forms that a recipient must accept: IMF-fixdate, RFC 850 and
// asctime. now, in seconds, settles the two-digit years of RFC 850: a year more than 50 years ahead is one of
// the past. The day of the week must be one, but need not be that of the date.
func ParseDate(s string, now int64) (unixSec int64, ok bool) {
	day, rest := splitDayName(s)
	switch {
	case len(day) == 3 && len(s) == fixdateLength:
		return parseDate(rest, ", DD NNN YYYY hh:mm:ss GMT", now)
	case len(day) == 3 && len(s) == asctimeLength && rest[5] == ' ':
		return parseDate(rest, " NNN  D hh:mm:ss YYYY", now)
	case len(day) == 3 && len(s) == asctimeLength:
		return parseDate(rest, " NNN DD hh:mm:ss YYYY", now)
	case len(day) > 3 && len(rest) == rfc850Length:
		return parseDate(rest, ", DD-NNN-YY hh:mm:ss GMT", now)
	}
	return 0, false
}

// splitDayName splits the name of a day off s, the long one if it is there. Without any, name is empty.
func splitDayName(s string) (name, rest string) {
	for i, long := range longDayNames {
		if strings.HasPrefix(s, long) {
			return long, s[len(long):]
		}
		if short := dayNames[i*3 : i*3+3]; strings.HasPrefix(s, short) {
			return short, s[len(short):]
		}
	}
	return "", s
}

// parseDate reads s, which is as long as layout. In layout D, Y, h, m and s stand for digits and NNN for the name
// of a month; everything else stands for itself.
func parseDate(s, layout string, now int64) (unixSec int64, ok bool) {
	var day, month, year, hour, minute, second int64
	for i := range len(layout) {
		var number *int64
		switch layout[i] {
		case 'N':
			if layout[i-1] != 'N' {
				month = monthNumber(s[i : i+3])
			}
			continue
		case 'D':
			number = &day
		case 'Y':
			number = &year
		case 'h':
			number = &hour
		case 'm':
			number = &minute
		case 's':
			number = &second
		default:
			if s[i] != layout[i] {
				return 0, false
			}
			continue
		}
		if !isOctet(s[i], digitOctet) {
			return 0, false
		}
		*number = *number*10 + int64(s[i]-'0')
	}
	if !strings.Contains(layout, "YYYY") {
		year = fullYear(year, now)
	}
	if month == 0 || day < 1 || day > daysOfMonth(year, month) || hour > 23 || minute > 59 || second > 60 {
		return 0, false
	}
	return dayOfDate(year, month, day)*secondsPerDay + hour*3600 + minute*60 + second, true
}

// monthNumber returns 1 for "Jan" and so on, and 0 for what is no month.
func monthNumber(name string) int64 {
	for i := 0; i < len(monthNames); i += 3 {
		if monthNames[i:i+3] == name {
			return int64(i/3 + 1)
		}
	}
	return 0
}

// fullYear returns the latest year that ends in the two digits and is at most 50 years after now.
func fullYear(digits, now int64) int64 {
	days, _ := floorDivide(now, secondsPerDay)
	thisYear, _, _ := dateOfDay(days)
	_, behind := floorDivide(thisYear+50-digits, 100)
	return thisYear + 50 - behind
}

func daysOfMonth(year, month int64) int64 {
	nextYear, nextMonth := year, month+1
	if nextMonth > 12 {
		nextYear, nextMonth = year+1, 1
	}
	return dayOfDate(nextYear, nextMonth, 1) - dayOfDate(year, month, 1)
}

// dayOfDate returns the days from 1970-01-01 to a date.
func dayOfDate(year, month, day int64) int64 {
	sinceMarch := month - 3
	if sinceMarch < 0 {
		sinceMarch += 12
		year--
	}
	cycle, yearOfCycle := floorDivide(year, 400)
	return cycle*daysPerCycle + yearOfCycle*365 + yearOfCycle/4 - yearOfCycle/100 + daysBefore(sinceMarch) + day - 1 - daysFromYear0
}

// dateOfDay is the inverse of dayOfDate.
func dateOfDay(days int64) (year, month, day int64) {
	cycle, dayOfCycle := floorDivide(days+daysFromYear0, daysPerCycle)
	// Without the leap days before it, every year of the cycle has 365 days. The three divisors are the days of 4 and 100
	// years and of the cycle, each less one so that the leap day itself still counts to its year.
	yearOfCycle := (dayOfCycle - dayOfCycle/1460 + dayOfCycle/36524 - dayOfCycle/146096) / 365
	day = dayOfCycle - (yearOfCycle*365 + yearOfCycle/4 - yearOfCycle/100)
	sinceMarch := (day*5 + 2) / 153
	day -= daysBefore(sinceMarch) - 1
	year = cycle*400 + yearOfCycle
	month = sinceMarch + 3
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// daysBefore returns the days from March to a month: five months in a row have 153 days.
func daysBefore(sinceMarch int64) int64 { return (sinceMarch*153 + 2) / 5 }

// floorDivide returns the quotient rounded down and a remainder that is never negative.
func floorDivide(a, b int64) (quotient, remainder int64) {
	quotient, remainder = a/b, a%b
	if remainder < 0 {
		quotient--
		remainder += b
	}
	return quotient, remainder
}
