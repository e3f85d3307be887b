package observe

import (
	"testing"
	"time"
)

func TestClockAgreesWithTimeFormat(t *testing.T) {
	zones := []*time.Location{
		time.UTC,
		newfoundland,
		time.FixedZone("east", 5*3600+45*60),
		time.FixedZone("west of London by minutes", -20*60),
	}
	instants := []time.Time{
		time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC),
		time.Date(2026, time.December, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(2024, time.February, 29, 12, 30, 45, 1_000, time.UTC),
		time.Date(1969, time.July, 20, 20, 17, 40, 123_456_789, time.UTC),
		time.Unix(0, 0),
		{},
	}
	for _, zone := range zones {
		for _, instant := range instants {
			clock := Clock{Location: zone}
			local := instant.In(zone)
			if got, want := string(clock.appendCommon(nil, instant)), local.Format("02/Jan/2006:15:04:05 -0700"); got != want {
				t.Errorf("common %q, want %q", got, want)
			}
			if got, want := string(clock.appendRFC3339(nil, instant)), local.Format("2006-01-02T15:04:05.000000Z07:00"); got != want {
				t.Errorf("RFC 3339 %q, want %q", got, want)
			}
		}
	}
}

func TestClockMovesWithTheSecond(t *testing.T) {
	clock := Clock{Location: time.UTC}
	start := time.Date(2026, time.March, 7, 23, 59, 59, 0, time.UTC)
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{0, "07/Mar/2026:23:59:59 +0000"},
		{999 * time.Millisecond, "07/Mar/2026:23:59:59 +0000"},
		{time.Second, "08/Mar/2026:00:00:00 +0000"},
		{0, "07/Mar/2026:23:59:59 +0000"}, // a long request that began earlier
	} {
		if got := string(clock.appendCommon(nil, start.Add(test.after))); got != test.want {
			t.Errorf("after %v: %s, want %s", test.after, got, test.want)
		}
	}
}
