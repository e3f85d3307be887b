// Routes, clients, connections and event loops.

import { age, clean, count, duration, percent, phases, rate, routeName, size } from "./format.js";
import { read } from "./api.js";
import { facts, phaseBar, Table } from "./table.js";

const byId = id => document.getElementById(id);

const route = { name: "Route", mono: true, text: routeName, sort: routeName };
const numbers = (name, value, text, more) => ({ name, number: true, text: r => text(value(r)), sort: value, ...more });
const requests = w => numbers("Requests/s", r => r.requests / (w() || 1), rate);
const errors = { name: "Errors", number: true, text: r => percent(r.errors, r.requests), sort: r => r.errors / (r.requests || 1),
  cell(r, td) {
    const text = percent(r.errors, r.requests);
    if (td.textContent !== text) td.textContent = text;
    td.dataset.status = r.errors ? "error" : "fine";
  } };
const bar = { name: "Phases", cell: (r, td) => phaseBar(td, r.phases) };
const key = r => `${r.site}\n${r.path}`;

const orders = {
  frequent: (a, b) => b.requests - a.requests,
  slow: (a, b) => b.p99 - a.p99,
  errors: (a, b) => b.errors - a.errors || b.requests - a.requests,
};

export class Routes {
  interval = 3000;
  get tables() { return [this.table]; }

  constructor() {
    this.window = 0;
    const w = () => this.window;
    this.table = new Table(byId("t-routes"), {
      caption: "Routes with their rates and latencies", empty: "There was no request lately.", key, most: 500,
      columns: [
        route, requests(w), errors,
        numbers("p50", r => r.p50, duration), numbers("p90", r => r.p90, duration, { wide: 1 }),
        numbers("p99", r => r.p99, duration), numbers("p99.9", r => r.p999, duration, { wide: 1 }),
        numbers("Sent/s", r => r.sent / (w() || 1), size, { wide: 2 }), { ...bar, wide: 1 },
      ],
    });
    for (const p of phases) {
      const li = document.createElement("li"), mark = document.createElement("i");
      mark.style.background = `var(--${p})`;
      li.append(mark, p);
      byId("route-legend").append(li);
    }
    byId("route-order").addEventListener("change", e => {
      this.order = orders[e.target.value];
      this.table.order = null;
      for (const th of this.table.heads) th.removeAttribute("aria-sort");
      if (this.latest) this.#show();
    });
    this.order = orders.frequent;
  }

  async update(signal) {
    this.latest = await read("statistics", signal);
    this.#show();
  }

  #show() {
    this.window = this.latest.window;
    byId("routes-window").textContent = `Of the last ${age(this.window)}.`;
    this.table.update([...this.latest.routes].sort(this.order));
  }
}

// Slowest is the short table of the overview.
export class Slowest {
  constructor() {
    this.window = 0;
    const plain = c => ({ ...c, sort: null });
    this.table = new Table(byId("t-slowest"), {
      caption: "The slowest routes", empty: "There was no request lately.", key, most: 8,
      columns: [route, requests(() => this.window), numbers("p50", r => r.p50, duration), numbers("p99", r => r.p99, duration), { ...bar, wide: 1 }].map(plain),
    });
  }

  async update(signal) {
    const s = await read("statistics", signal);
    this.window = s.window;
    this.table.update([...s.routes].filter(r => r.requests > 0).sort(orders.slow).slice(0, 8));
    return s;
  }
}

export class Clients {
  interval = 3000;
  get tables() { return [this.table, this.loops]; }

  constructor() {
    this.window = 0;
    this.table = new Table(byId("t-clients"), {
      caption: "The clients with the most requests, approximately", empty: "There was no request lately.", key: c => c.address, most: 50,
      columns: [
        { name: "Address", mono: true, text: c => clean(c.address || "unix socket"), sort: c => c.address },
        numbers("Requests", c => c.requests, count), numbers("Requests/s", c => c.requests / (this.window || 1), rate, { wide: 1 }),
        numbers("Sent", c => c.sent, size),
      ],
    });
    this.loops = new Table(byId("t-loops"), {
      caption: "Event loops", empty: "There is no event loop on this system.", key: l => l.number,
      columns: [
        numbers("Loop", l => l.number, String), numbers("Connections", l => l.connections, count), numbers("Lag", l => l.lag, duration),
      ],
    });
  }

  async update(signal) {
    const s = await read("statistics", signal), c = s.connections ?? {};
    this.window = s.window;
    this.table.update(s.clients);
    this.loops.update((s.loops ?? []).map((l, number) => ({ ...l, number })));
    facts(byId("connections"), [
      ["Idle", count(c.idle)], ["Reading", count(c.reading)], ["Handling", count(c.handling)], ["Sending", count(c.sending)], ["Closing", count(c.closing)],
      ["Accepted", count(c.accepted)], ["Refused", count(c.refused)], ["Requests since the start", count(s.totals?.requests)],
      ["Sent since the start", size(s.totals?.sent)], ["Received since the start", size(s.totals?.received)], ["Log lines lost", count(s.lost_lines)],
    ]);
  }
}
