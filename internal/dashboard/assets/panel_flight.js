// What is in flight.

import { clean, count, duration, routeName } from "./format.js";
import { kill, stack } from "./dialogs.js";
import { read } from "./api.js";
import { Table } from "./table.js";

const byId = id => document.getElementById(id);
const atWorker = r => r.worker > 0;

const phase = { name: "Phase", cell(r, td) {
  if (!td.firstChild) td.append(document.createElement("i"), document.createElement("span"));
  td.className = "phase";
  td.firstChild.style.background = `var(--${/^[a-z]+$/.test(r.phase) ? r.phase : "muted"})`;
  if (td.lastChild.textContent !== r.phase) td.lastChild.textContent = clean(r.phase);
}, sort: r => r.phase };

const age = { name: "Age", number: true, text: r => duration(r.age), sort: r => r.age };
const target = { name: "Request", mono: true, text: r => clean(`${r.method} ${r.target}`), sort: r => r.target };

export class Flight {
  interval = 1000;
  get tables() { return [this.table]; }

  constructor() {
    const open = { open: stack, when: atWorker, key: r => r.id };
    this.table = new Table(byId("t-flight"), {
      ...open, caption: "Requests in flight, the oldest first", empty: "No request is in flight.",
      columns: [
        age, phase,
        { name: "In it for", number: true, wide: 2, text: r => duration(r.in_phase), sort: r => r.in_phase },
        target,
        { name: "Host", wide: 2, text: r => clean(r.host), sort: r => r.host },
        { name: "Route", wide: 2, text: r => routeName(r.route), sort: r => routeName(r.route) },
        { name: "Client", wide: 1, text: r => clean(r.user ? `${r.user}@${r.client}` : r.client || "unix socket"), sort: r => r.client },
        { name: "Worker", wide: 1, text: r => r.worker ? `${clean(r.app)} ${r.worker} (${r.pid})` : clean(r.app || "–"), sort: r => r.worker ?? 0 },
        { name: "Stack", act: { word: "Stack", label: r => `Stack of ${clean(r.method)} ${clean(r.target)}`, when: atWorker, run: stack } },
        { name: "End", act: { word: "End…", danger: true, label: r => `End ${clean(r.method)} ${clean(r.target)}`, run: kill } },
      ],
    });
  }

  async update(signal) {
    const { requests } = await read("requests", signal);
    this.table.update(requests);
    byId("flight-count").textContent = requests.length ? count(requests.length) : "";
  }
}

// Longest is the short table of the overview.
export class Longest {
  constructor() {
    this.table = new Table(byId("t-longest"), {
      caption: "Requests in flight for longest", empty: "No request is in flight.", open: stack, when: atWorker, key: r => r.id, most: 8,
      columns: [
        { ...age, sort: null }, { ...phase, sort: null }, { ...target, sort: null },
        { name: "Stack", act: { word: "Stack", label: r => `Stack of ${clean(r.method)} ${clean(r.target)}`, when: atWorker, run: stack } },
      ],
    });
  }

  async update(signal) {
    const { requests } = await read("requests", signal);
    this.table.update(requests);
    if (requests.length > 8) this.table.say(`${count(requests.length - 8)} more are in flight.`);
  }
}
