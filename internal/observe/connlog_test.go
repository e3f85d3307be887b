package observe

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func closedConnection() *ConnectionRecord {
	opened := time.Date(2026, time.March, 7, 12, 35, 3, 14159265, time.UTC)
	return &ConnectionRecord{
		ID: 27, Peer: netip.MustParseAddrPort("[::ffff:192.0.2.7]:50312"), Local: netip.MustParseAddrPort("[2001:db8::1%eth0]:80"),
		Opened: opened, Closed: opened.Add(1500 * time.Millisecond), ByClient: true, Why: "end of stream",
		Requests: 12, Received: 345, Sent: 67890, Spans: Spans{App: 2 * time.Second, Send: time.Millisecond},
		Each:    []RequestSpans{{1, 200, Spans{App: time.Second}}, {2, 404, Spans{App: time.Second, Send: time.Millisecond}}},
		Omitted: 10,
	}
}

func TestConnectionLine(t *testing.T) {
	want := `{"id":27,"peer":"192.0.2.7:50312","local":"[2001:db8::1]:80","opened":"2026-03-07T09:05:03.014159-03:30","closed":"2026-03-07T09:05:04.514159-03:30",` +
		`"by":"client","why":"end of stream","requests":12,"received":345,"sent":67890,` +
		`"phases":{"app":2.000000,"send":0.001000},` +
		`"each":[{"number":1,"status":200,"phases":{"app":1.000000}},` +
		`{"number":2,"status":404,"phases":{"app":1.000000,"send":0.001000}}],"omitted":10}` + "\n"
	clock := Clock{Location: newfoundland}
	if got := string(appendConnection(nil, closedConnection(), &clock)); got != want {
		t.Errorf("line\n got %swant %s", got, want)
	}

	r := &ConnectionRecord{Why: "a\" \n\xff"}
	got := string(appendConnection(nil, r, &clock))
	checkPrintable(t, got)
	if !json.Valid([]byte(got)) || !strings.Contains(got, `"peer":"-","local":"-"`) || !strings.Contains(got, `"by":"server","why":"a\u0022 \u000a\u00ff"`) || !strings.Contains(got, `"each":[],"omitted":0}`) {
		t.Errorf("line %s", got)
	}
}

func TestConnectionLog(t *testing.T) {
	var first, second buffer
	log := NewConnectionLog(nil, 2, nil)
	log.TakeConnection(0, closedConnection()) // it is off
	log.Configure(&first)
	log.TakeConnection(1, closedConnection())
	log.TakeConnection(9, closedConnection())
	log.Take(0, request(nil))
	log.Configure(&second)
	log.TakeConnection(0, closedConnection())
	log.Configure(nil)
	log.TakeConnection(0, closedConnection())
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	if a, b := strings.Count(first.String(), "\n"), strings.Count(second.String(), "\n"); a != 2 || b != 1 || log.Lost() != 0 {
		t.Errorf("%d and %d lines, %d lost", a, b, log.Lost())
	}
}

func TestConnectionLogDoesNotAllocate(t *testing.T) {
	log := NewConnectionLog(new(buffer), 1, nil)
	defer log.Close()
	r := closedConnection()
	log.TakeConnection(0, r)
	if n := testing.AllocsPerRun(50, func() { log.TakeConnection(0, r) }); n != 0 {
		t.Errorf("%v allocations per line", n)
	}
}
