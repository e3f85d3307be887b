// The workers of each application.

import { age, clean, count, size } from "./format.js";
import { read } from "./api.js";
import { Table } from "./table.js";

const byId = id => document.getElementById(id);

export class Workers {
  interval = 2000;

  constructor() {
    this.shown = new Map(); // by the application's name
  }

  async update(signal) {
    const { applications } = await read("workers", signal);
    const names = new Set(applications.map(a => a.name));
    for (const [name, card] of this.shown) {
      if (!names.has(name)) {
        card.element.remove();
        this.shown.delete(name);
      }
    }
    for (const a of applications) {
      let card = this.shown.get(a.name);
      if (!card) {
        card = this.#card(a.name);
        this.shown.set(a.name, card);
        byId("workers-list").append(card.element);
      }
      card.about.textContent = clean([a.target, a.python, a.interpreter, a.threads > 1 ? `${a.threads} threads each` : ""].filter(Boolean).join(" · "));
      card.waiting.textContent = a.waiting ? `${count(a.waiting)} waiting` : "nobody waits";
      card.waiting.dataset.some = Boolean(a.waiting);
      const reasons = Object.entries(a.restarts ?? {}).filter(([, n]) => n > 0).map(([why, n]) => `${why} ${count(n)}`);
      card.restarts.textContent = a.restarts === undefined ? "" : reasons.length ? "Restarts: " + clean(reasons.join(", ")) : "No restarts";
      card.table.update(a.workers ?? []);
    }
    byId("workers-empty").textContent = "No application runs here.";
    byId("workers-empty").hidden = applications.length > 0;
  }

  #card(name) {
    const element = document.createElement("section"), title = document.createElement("h2"), waiting = document.createElement("span");
    const about = document.createElement("p"), restarts = document.createElement("p"), place = document.createElement("div");
    element.className = "card";
    title.textContent = clean(name) + " ";
    waiting.className = "badge";
    title.append(waiting);
    about.className = restarts.className = "hint";
    place.className = "scroll";
    place.tabIndex = 0;
    place.setAttribute("role", "region");
    place.setAttribute("aria-label", "Workers of " + clean(name));
    element.append(title, about, restarts, place);
    const table = new Table(place, {
      caption: "Workers of " + clean(name), empty: "No worker runs.", key: w => w.pid + " " + w.number,
      columns: [
        { name: "Worker", number: true, narrow: true, text: w => String(w.number), sort: w => w.number },
        { name: "PID", number: true, wide: 1, text: w => String(w.pid), sort: w => w.pid },
        { name: "State", text: w => clean(w.state), sort: w => w.state },
        { name: "In flight", number: true, wide: 1, text: w => count(w.in_flight), sort: w => w.in_flight },
        { name: "Requests", number: true, text: w => count(w.requests), sort: w => w.requests },
        { name: "Memory", number: true, text: w => size(w.memory), sort: w => w.memory },
        { name: "Age", number: true, text: w => age(w.age), sort: w => w.age },
      ],
    });
    return { element, about, waiting, restarts, table };
  }
}
