// The flight recorder: what it has kept, one exchange in full, and sending it again.

import { body, clean, count, date, duration, phases, routeName, size, time } from "./format.js";
import { order, read, segment } from "./api.js";
import { facts, phaseBar, statusCell, Table } from "./table.js";
import { filterOf } from "./panel_log.js";

const byId = id => document.getElementById(id);

export class Recorder {
  interval = 3000;

  constructor() {
    this.filter = "";
    const open = e => this.open(e.id);
    this.table = new Table(byId("t-recent"), {
      caption: "Recorded exchanges, the latest first", empty: "Nothing was recorded yet.", key: e => e.id, open,
      columns: [
        { name: "Time", number: true, text: e => time(e.time), sort: e => e.time },
        { name: "Status", number: true, cell: (e, td) => statusCell(e.status, td), sort: e => e.status },
        { name: "Request", mono: true, text: e => clean(`${e.method} ${e.target}`), sort: e => e.target },
        { name: "Duration", number: true, text: e => duration(e.duration), sort: e => e.duration },
        { name: "Phases", wide: 1, cell: (e, td) => phaseBar(td, e.phases) },
        { name: "Client", wide: 1, text: e => clean(e.client || "unix socket"), sort: e => e.client },
        { name: "Route", wide: 2, text: e => routeName(e.route), sort: e => routeName(e.route) },
        { name: "Kept", wide: 2, text: e => [e.kept && "kept", e.aborted && "cut short", e.stack && "has a stack"].filter(Boolean).join(", ") },
        { name: "Details", act: { word: "Details", label: e => `Details of ${clean(e.method)} ${clean(e.target)}`, run: open } },
      ],
    });
    byId("recent-filter").addEventListener("submit", e => {
      e.preventDefault();
      this.filter = filterOf(e.target);
      this.table.empty = this.filter ? "Nothing that was recorded passes the filter." : "Nothing was recorded yet.";
      this.update().catch(f => this.#hint(f.message));
    });
    byId("record").addEventListener("click", async () => {
      try {
        await order("recent/record", { seconds: 30 });
        this.#hint(`Everything is kept until ${time(Date.now() / 1000 + 30)}.`);
      } catch (e) {
        this.#hint(e.message);
      }
    });
  }

  get tables() { return [this.table]; }

  async update(signal) {
    const { exchanges } = await read("recent?limit=200" + this.filter, signal);
    this.table.update(exchanges);
  }

  #hint(text) { byId("recent-hint").textContent = clean(text); }

  async open(id) {
    const dialog = byId("exchange-dialog");
    let e;
    try {
      e = await read("recent/" + segment(id));
    } catch (f) {
      this.#hint(f.status === 404 ? "The recorder has dropped it meanwhile." : f.message);
      return;
    }
    byId("exchange-what").textContent = clean(`${e.method} ${e.host}${e.target}`);
    facts(byId("exchange-facts"), [
      ["Status", e.status ? String(e.status) + (e.aborted ? ", cut short" : "") : "none"], ["Duration", duration(e.duration)], ["Time", date(e.time)],
      ["Client", clean(e.client || "unix socket")], ["Route", routeName(e.route)], ["Received", size(e.received)], ["Sent", size(e.sent)],
      ...phases.filter(p => e.phases?.[p] > 0).map(p => [p, duration(e.phases[p])]), ["Id", clean(e.id)],
    ]);
    phaseBar(byId("exchange-phases"), e.phases);
    byId("exchange-parts").replaceChildren(...[
      ["Stack when it had become slow", e.stack], ["Request", e.request_head], ["Body of the request, the first KiB", e.request_body && body(e.request_body)],
      ["Response", e.response_head], ["Body of the response, the first KiB", e.response_body && body(e.response_body)],
    ].filter(([, text]) => text).flatMap(([name, text]) => part(name, text)));
    this.#replay(e);
    if (!dialog.open) dialog.showModal();
  }

  #replay(e) {
    const outcome = byId("replay-outcome"), text = byId("replay-text"), again = byId("replay"), force = byId("replay-force");
    outcome.textContent = "";
    text.hidden = force.hidden = true;
    const send = async how => {
      outcome.textContent = "Sending…";
      force.hidden = true;
      try {
        const r = await order(`recent/${segment(e.id)}/replay`, { force: how === "force" });
        outcome.textContent = `Answered ${r.status}, ${r.status === r.before ? "as before" : "before it was " + r.before}, in ${duration(r.duration)} (before ${duration(e.duration)}).`;
        text.textContent = clean(r.head) + (r.body ? "\n" + clean(body(r.body)) : "");
        text.hidden = false;
      } catch (f) {
        outcome.textContent = clean(f.message);
        text.hidden = true;
        force.hidden = f.status !== 409;
      }
    };
    again.onclick = () => send("safely");
    force.onclick = () => send("force");
  }
}

function part(name, text) {
  const title = document.createElement("h3"), pre = document.createElement("pre");
  title.textContent = name;
  pre.className = "text";
  pre.tabIndex = 0;
  pre.setAttribute("aria-label", name);
  pre.textContent = clean(text.replace(/\r\n/g, "\n")).trimEnd();
  return [title, pre];
}
