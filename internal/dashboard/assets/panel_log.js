// The tail of the access log. It runs from the first look at it on, also while another panel is open, until it is paused.

import { clean, count, decoded, duration, size, time } from "./format.js";
import { Stream } from "./api.js";
import { phaseBar, statusCell } from "./table.js";

const byId = id => document.getElementById(id);
const most = 500; // lines
const pace = 250; // ms between two looks of the table at what has come

const columns = [
  ["Time", "number", (l, td) => put(td, time(l.time))],
  ["Status", "number", (l, td) => statusCell(l.status, td)],
  ["Request", "mono", (l, td) => { put(td, clean(`${l.method || "–"} ${decoded(l.target)}`)); td.title = td.textContent; }],
  ["Duration", "number", (l, td) => put(td, duration(l.duration))],
  ["Phases", "wide1", (l, td) => phaseBar(td, l.phases)],
  ["Sent", "number wide1", (l, td) => put(td, size(l.bytes))],
  ["Client", "wide1", (l, td) => put(td, clean(l.remote === "-" ? "unix socket" : l.remote))],
  ["Host", "wide2", (l, td) => put(td, clean(decoded(l.host)))],
  ["User agent", "wide2 cut", (l, td) => { put(td, clean(decoded(l.user_agent))); td.title = td.textContent; }],
];

function put(td, text) {
  if (td.textContent !== text) td.textContent = text;
}

export class Log {
  constructor() {
    this.pending = []; // at most as many as are shown
    this.filter = "";
    this.visible = false;
    this.lost = 0;
    this.timer = 0;
    const table = document.createElement("table"), caption = table.createCaption(), head = table.createTHead().insertRow();
    caption.className = "sr";
    caption.textContent = "The access log, the latest line first";
    for (const [name, style] of columns) {
      const th = document.createElement("th");
      th.scope = "col";
      th.className = style;
      th.textContent = name;
      head.append(th);
    }
    this.body = table.createTBody();
    this.note = document.createElement("p");
    this.note.className = "empty";
    byId("t-log").replaceChildren(table, this.note);
    this.stream = new Stream({
      path: () => "events?log=1" + this.filter,
      event: (name, data) => {
        if (name === "log") this.#take(data);
        if (name === "lost") this.#lose(Number(data));
      },
      state: (word, failure) => {
        if (word === "refused") this.#hint(failure.message);
        else this.#hint({ waiting: "The connection is lost.", connecting: "Connecting…", open: "Following." }[word]);
      },
    });
    byId("log-filter").addEventListener("submit", e => {
      e.preventDefault();
      this.filter = filterOf(e.target);
      this.clear();
      this.#pause(false);
    });
    byId("log-pause").addEventListener("click", () => this.#pause(!this.paused));
    byId("log-clear").addEventListener("click", () => this.clear());
    this.paused = true;
    this.#say();
  }

  show() {
    this.visible = true;
    if (!this.started) {
      this.started = true;
      this.#pause(false);
    }
    this.#render();
  }

  hide() { this.visible = false; }

  clear() {
    this.pending.length = this.lost = 0;
    this.body.replaceChildren();
    this.#say();
  }

  #pause(paused) {
    this.paused = paused;
    byId("log-pause").setAttribute("aria-pressed", String(paused));
    byId("log-pause").textContent = paused ? "Go on" : "Pause";
    if (paused) {
      this.stream.stop();
      this.#render();
      this.#hint("Paused.");
    } else {
      this.stream.start();
    }
    this.#say();
  }

  #lose(n) {
    this.lost += n;
    this.#hint(`Following; ${count(this.lost)} lines came too fast to be shown.`);
  }

  #hint(text) { byId("log-hint").textContent = text; }

  #say() {
    this.note.hidden = this.body.rows.length > 0;
    this.note.textContent = this.paused ? "Nothing is shown while it is paused." : this.filter ? "No request yet that the filter lets through." : "No request yet.";
  }

  #take(data) {
    this.pending.push(data);
    if (this.pending.length > 2 * most) this.pending.splice(0, this.pending.length - most);
    if (this.visible && !this.timer) this.timer = setTimeout(() => { this.timer = 0; this.#render(); }, pace);
  }

  #render() {
    if (!this.pending.length) return;
    const lines = this.pending.splice(0).slice(-most);
    for (const data of lines) {
      let line;
      try { line = JSON.parse(data); } catch { continue; }
      let tr;
      if (this.body.rows.length >= most) {
        tr = this.body.lastChild;
      } else {
        tr = document.createElement("tr");
        for (const [, style] of columns) tr.insertCell().className = style;
      }
      columns.forEach(([, , fill], i) => fill(line, tr.cells[i]));
      this.body.insertBefore(tr, this.body.firstChild);
    }
    this.#say();
  }
}

// filterOf returns the fields of a form that were filled in, as a part of a query.
export function filterOf(form) {
  let query = "";
  for (const [name, value] of new FormData(form)) {
    const text = String(value).trim();
    if (text) query += `&${name}=${encodeURIComponent(name === "method" ? text.toUpperCase() : text)}`;
  }
  return query;
}
