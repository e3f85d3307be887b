// The page: what is open, what is asked for how often, and how the connection is.

import { onTokenWanted, read, Stream, takeToken } from "./api.js";
import { capacity, Ring } from "./ring.js";
import { age, clean, count, duration, percent, rate, size } from "./format.js";
import { askToken, notice, start as startDialogs } from "./dialogs.js";
import { Charts } from "./charts.js";
import { Clients, Routes, Slowest } from "./panel_statistics.js";
import { Configuration } from "./panel_config.js";
import { Flight, Longest } from "./panel_flight.js";
import { Log } from "./panel_log.js";
import { Recorder } from "./panel_recorder.js";
import { start as startTheme } from "./theme.js";
import { Workers } from "./panel_workers.js";

const byId = id => document.getElementById(id);

takeToken();
startTheme();
startDialogs();
onTokenWanted(askToken);

const ring = new Ring();
const charts = new Charts(ring);

// The overview is drawn with each tick, and asks for its two tables less often.
const overview = {
  interval: 2000, slowest: new Slowest(), longest: new Longest(),
  async update(signal) {
    const [statistics, requests] = await Promise.allSettled([this.slowest.update(signal), this.longest.update(signal)]);
    if (statistics.reason) this.slowest.table.fail(clean(statistics.reason.message));
    else if (Array.isArray(statistics.value.buckets)) ring.setBuckets(statistics.value.buckets);
    if (requests.reason) throw requests.reason;
  },
  get tables() { return [this.longest.table]; },
  show() { drawn = 0; draw(); },
};
const panels = {
  overview, flight: new Flight(), workers: new Workers(), routes: new Routes(), clients: new Clients(), log: new Log(), recorder: new Recorder(),
  config: new Configuration(),
};

// Polling: the panel that is open asks, once the former answer is there, and nobody does while the page cannot be seen.

let open = "overview", polling = null;
let complaint = ""; // of the panel that is open

async function poll() {
  polling?.abort();
  const control = polling = new AbortController(), { signal } = control, panel = panels[open];
  while (panel.update && !signal.aborted && !document.hidden) {
    try {
      await panel.update(signal);
      complaint = "";
    } catch (e) {
      if (signal.aborted) return;
      if (e.status === undefined) throw e;
      for (const table of panel.tables ?? []) table.fail(clean(e.message));
      if (e.status && e.message !== complaint) notice(clean(e.message)); // that nobody answers is said at the top
      if (e.status) complaint = e.message;
    }
    await new Promise(done => setTimeout(done, panel.interval));
  }
}

function choose(name, focus) {
  if (!panels[name]) name = "overview";
  for (const tab of byId("tabs").children) {
    const mine = tab.id === "tab-" + name;
    tab.setAttribute("aria-selected", String(mine));
    tab.tabIndex = mine ? 0 : -1;
    byId(tab.id.slice(4)).hidden = !mine;
    if (mine && focus) tab.focus();
    if (mine) tab.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  panels[open].hide?.();
  open = name;
  panels[open].show?.();
  poll();
}

byId("tabs").addEventListener("click", e => {
  const tab = e.target.closest("[role=tab]");
  if (tab) location.hash = "/" + tab.id.slice(4);
});
byId("tabs").addEventListener("keydown", e => {
  const names = Object.keys(panels), i = names.indexOf(open);
  const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: names.length - 1 }[e.key];
  if (to === undefined) return;
  e.preventDefault();
  choose(names.at(to % names.length), true);
  history.replaceState(null, "", "#/" + open);
});
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#token=")) {
    takeToken();
    connect();
  }
  choose(location.hash.slice(2));
});
byId("skip").addEventListener("click", e => {
  e.preventDefault(); // the fragment is the panel's, as "#/workers", which is no element's id: nothing is scrolled to
  byId("main").focus();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  draw();
  poll();
});

// What the ticks tell.

let drawn = 0; // the second that was drawn last
let frame = 0; // that is asked for

// draw draws with the next frame, however many ticks there are until then.
function draw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    drawNow();
  });
}

function drawNow() {
  if (document.hidden || open !== "overview" || drawn === ring.last) return;
  drawn = ring.last;
  const now = name => ring.length ? ring.view(name, 1)[0] || 0 : 0;
  const figures = {
    rate: rate(now("requests")) + "/s", errors: percent(now("errors"), now("requests")),
    p50: now("requests") ? duration(now("p50")) : "–", p99: now("requests") ? duration(now("p99")) : "–",
    flight: count(now("flight")), waiting: count(now("waiting")), open: count(now("open")), sent: size(now("sent")) + "/s",
  };
  for (const [name, text] of Object.entries(figures)) byId("f-" + name).textContent = ring.length ? text : "–";
  byId("f-errors").dataset.status = now("errors") ? "error" : "fine";
  byId("f-waiting").dataset.status = now("waiting") ? "client" : "fine";
  if (!charts.zoom) charts.show();
  if (drawn % 10 === 0 || !told) {
    told = true;
    charts.tell();
  }
}
let told = false;

let held = null; // ticks that wait for the history before them

function tick(t) {
  if (held) {
    held.push(t);
    if (held.length > 60) held.shift();
  } else if (ring.put(t)) {
    byId("flight-count").textContent = t.in_flight ? count(t.in_flight) : "";
    draw();
  }
}

charts.setZoom(null);
byId("span").addEventListener("change", e => charts.setSpan(Number(e.target.value)));
byId("phase-mode").addEventListener("change", e => charts.setMode(e.target.value));
byId("unzoom").addEventListener("click", () => charts.setZoom(null));

// The connection.

let server = null; // the last hello

const stream = new Stream({
  path: () => "events",
  event(name, data) {
    const message = JSON.parse(data);
    if (name === "tick") tick(message);
    if (name === "hello") hello(message);
  },
  state(word, failure, pause) {
    const said = {
      connecting: server ? "Connecting again…" : "Connecting…",
      open: "Live",
      waiting: `Not connected; trying again in ${duration(Math.ceil(pause))}`,
      refused: `The server refuses: ${clean(failure?.message)}`,
    }[word];
    const state = word === "connecting" && byId("link").dataset.state === "waiting" ? "waiting" : word;
    byId("link").dataset.state = state;
    byId("link-text").textContent = said;
    byId("retry").hidden = word !== "waiting" && word !== "refused";
    document.body.classList.toggle("stale", state === "waiting" || state === "refused");
  },
});

function connect() {
  stream.start();
}

async function hello(message) {
  if (server && server.pid !== message.pid) notice(`The server was started anew: PID ${server.pid} became ${message.pid}.`, 0);
  else if (server) notice("Connected again.");
  server = message;
  tellServer();
  held = [];
  try {
    const s = await read("statistics");
    if (Array.isArray(s.buckets)) ring.setBuckets(s.buckets);
    const { ticks } = await read(`history?seconds=${capacity}`);
    for (const t of ticks) ring.put(t);
  } catch (e) {
    if (e.status && e.status !== 501) notice(clean(e.message)); // the panels say what the server does not have
  }
  for (const t of held ?? []) ring.put(t);
  held = null;
  drawn = 0;
  draw();
  poll();
}

function tellServer() {
  if (!server) return;
  byId("server").textContent = clean(`${location.host} · version ${server.version} · PID ${server.pid} · up ${age((Date.now() - new Date(server.started)) / 1000)}`);
}
setInterval(tellServer, 10_000);

byId("retry").addEventListener("click", () => stream.hurry());
addEventListener("online", () => stream.hurry());

document.title = `${location.host} · Highball`;
choose(location.hash.slice(2));
connect();
