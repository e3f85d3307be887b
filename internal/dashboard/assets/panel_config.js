// The state of the server, and the configuration in force.

import { age, clean, count, date } from "./format.js";
import { read } from "./api.js";
import { facts } from "./table.js";

const byId = id => document.getElementById(id);

export class Configuration {
  interval = 5000;

  constructor() { this.text = null; }

  async update(signal) {
    const [s, c] = await Promise.all([read("status", signal), read("configuration", signal)]);
    const reload = s.last_reload;
    facts(byId("status"), [
      ["Version", clean(s.version)], ["PID", String(s.pid)], ["State", clean(s.state)], ["Started", `${date(s.started)}, ${age(s.uptime)} ago`],
      ["Listens at", clean((s.listeners ?? []).map(l => l.bound || l.address).join(", ")) || "–"],
      ["Reloads", count(s.reloads)],
      ["Last reload", reload ? `${date(reload.time)}${reload.errors?.length ? ", failed: " + clean(reload.errors.join("; ")) : ", succeeded"}` : "none"],
    ]);
    byId("config-file").textContent = c.file ? "Configuration in force: " + clean(c.file) : "Configuration in force";
    byId("config-empty").hidden = Boolean(c.text);
    byId("config-empty").textContent = "There is no configuration file: the command line has said all.";
    if (c.text === this.text) return;
    this.text = c.text;
    byId("config-text").replaceChildren(...(c.text ? c.text.replace(/\n$/, "").split("\n") : []).map(line => {
      const span = document.createElement("span");
      span.textContent = clean(line) + "\n";
      if (/^\s*#/.test(line)) span.className = "comment";
      else if (/^\s*\[/.test(line)) span.className = "section";
      return span;
    }));
  }
}
