// The charts of the overview. All show the same stretch of time, and share the cursor.

import uPlot from "./uplot/uplot.js";
import { duration, phases, rate, count, percent, time } from "./format.js";
import { HeatMap } from "./heatmap.js";
import { colours, onColours } from "./theme.js";

const byId = id => document.getElementById(id);
const together = uPlot.sync("time");
const shortest = 120; // s, shown however little is known
const tallest = 1e-4; // s, the least that the latency axes reach up to

// Charts draws a ring.
export class Charts {
  constructor(ring) {
    this.ring = ring;
    this.span = 900;
    this.zoom = null; // [from, to]
    this.n = 0; // how many seconds are drawn
    this.dragging = false;
    addEventListener("pointerup", () => { this.dragging = false; }, true);
    addEventListener("pointercancel", () => { this.dragging = false; }, true);
    this.mode = "mean";
    this.heat = new HeatMap(ring);
    this.all = [
      this.#chart("chart-rate", {
        series: [
          { label: "all", colour: "total", fill: 0.14, value: rate },
        ],
        data: n => [this.#plain("requests", n)],
        axis: rate,
      }),
      this.#chart("chart-errors", {
        series: [
          { label: "4xx", colour: "client", value: rate },
          { label: "5xx or no answer", colour: "error", fill: 0.4, value: rate },
        ],
        data: n => [this.#plain("client", n), this.#plain("errors", n)],
        axis: rate, low: true,
      }),
      this.#chart("chart-phases", {
        // The topmost first: each fills the plot down to its foot, and the next covers its part.
        series: [...phases].reverse().map(p => ({ label: p, colour: p, fill: 1, stacked: true, value: v => this.mode === "mean" ? duration(v) : rate(v) })),
        data: n => this.#stacked(n),
        axis: v => this.mode === "mean" ? round(v) : rate(v),
        top: () => usual(this.all?.[2].values[0] ?? []),
        readout: i => phases.map(p => this.#phase(p, i)).reverse(),
      }),
      this.#chart("chart-heat", {
        series: [{ label: "", colour: "heat", blank: true, value: v => v }],
        data: n => [this.#plain("p50", n)],
        axis: round, logarithmic: true,
        range: n => this.heat.range(n),
        below: u => this.heat.draw(u, ...this.#window()),
        text: u => this.#cell(u),
      }),
      this.#chart("chart-percentiles", {
        series: [["p50", "p50"], ["p90", "p90"], ["p99", "p99"], ["p99.9", "p999"]].map(([label, colour]) => ({ label, colour, value: duration })),
        data: n => ["p50", "p90", "p99", "p999"].map(p => this.#plain(p, n, true)),
        axis: round, logarithmic: true,
      }),
    ];
    onColours(() => { for (const c of this.all) c.plot.redraw(false); });
  }

  // show draws what the ring has now.
  show() {
    if (this.dragging) return; // new values would end what the person has begun
    const [from] = this.#window();
    const n = Math.min(this.ring.length, this.ring.since(from) + 1); // one before the edge, so that lines reach it
    const times = Array.from(this.ring.view("time", n));
    this.n = n;
    for (const c of this.all) {
      c.values = c.data(n);
      c.plot.setData([times, ...c.values]);
      this.#legend(c);
    }
  }

  setSpan(seconds) {
    this.span = seconds;
    this.setZoom(null);
  }

  setZoom(zoom) {
    this.zoom = zoom;
    byId("unzoom").hidden = !zoom;
    byId("zoom").textContent = zoom ? `From ${time(zoom[0])} to ${time(zoom[1])}.` : matchMedia("(pointer: fine)").matches ? "Drag across a chart to zoom." : "";
    this.show();
  }

  setMode(mode) {
    this.mode = mode;
    this.show();
  }

  // tell renews the text that stands for the charts where they cannot be seen.
  tell() {
    const n = this.ring.since(this.#window()[0]);
    const sum = name => this.ring.view(name, n).reduce((s, x) => s + (x || 0), 0);
    const most = name => this.ring.view(name, n).reduce((m, x) => Math.max(m, x || 0), 0);
    const now = name => n ? this.ring.view(name, n)[n - 1] || 0 : 0;
    const total = sum("requests"), spans = phases.map(p => [p, sum(p)]), all = spans.reduce((s, [, x]) => s + x, 0);
    const texts = total ? {
      "chart-rate": `${rate(now("requests"))} requests per second now, ${rate(most("requests"))} at most, ${count(total)} in all.`,
      "chart-errors": `${percent(sum("errors"), total)} of the requests failed, and ${percent(sum("client"), total)} were refused with a status of 4xx.`,
      "chart-phases": "Of the time of all requests: " + spans.map(([p, x]) => p + " " + percent(x, all)).join(", ") + ".",
      "chart-heat": `Most requests of a second took up to ${duration(now("p90"))} lately.`,
      "chart-percentiles": `Now median ${duration(now("p50"))}, p90 ${duration(now("p90"))}, p99 ${duration(now("p99"))}, p99.9 ${duration(now("p999"))}; the highest p99 was ${duration(most("p99"))}.`,
    } : {};
    for (const c of this.all) c.figure.querySelector(".sr").textContent = texts[c.figure.id] ?? "There was no request.";
  }

  // #window returns the stretch of time that is shown: no more than is known, so that a server just started does not leave the charts empty.
  #window() {
    const { last, length } = this.ring;
    return this.zoom ?? [last - Math.min(this.span, Math.max(shortest, length)), last];
  }

  // #plain returns a copy of a column, with null where nothing is known, or where there is nothing if that is no value.
  #plain(name, n, sparse) {
    return Array.from(this.ring.view(name, n), x => Number.isNaN(x) || sparse && x === 0 ? null : x);
  }

  #phase(name, i) {
    const seconds = this.ring.view(name, this.n)[i];
    return this.mode === "mean" ? seconds / (this.ring.view("requests", this.n)[i] || 1) : seconds;
  }

  #stacked(n) {
    const requests = this.ring.view("requests", n);
    const sum = new Float64Array(n);
    return phases.map(p => {
      const part = this.ring.view(p, n);
      return Array.from(part, (x, i) => {
        if (Number.isNaN(x)) return null;
        return sum[i] += this.mode === "mean" ? (requests[i] ? x / requests[i] : 0) : x;
      });
    }).reverse();
  }

  #cell(u) {
    const { left, top, idx } = u.cursor;
    if (idx == null || left < 0) return "the stronger, the more requests";
    const at = this.heat.at(u.data[0][idx], u.posToVal(top, "y"));
    if (!at) return "";
    const bounds = at.to === undefined ? "over " + duration(at.from) : duration(at.from) + " to " + duration(at.to);
    return `${time(u.data[0][idx])}, ${bounds}: ${count(at.count)}`;
  }

  #chart(id, { series, data, axis, range, below, text, readout, logarithmic, low, top }) {
    const figure = byId(id), box = figure.querySelector(".plot"), list = figure.querySelector(".legend");
    const chart = { figure, data, series, readout, text, values: [] };
    chart.items = series.map(s => {
      const item = document.createElement("li"), mark = document.createElement("i"), value = document.createElement("b");
      mark.style.background = `var(--${s.colour})`;
      item.append(mark, s.label + " ", value);
      return [item, value];
    });
    list.append(...(series.some(s => s.stacked) ? [...chart.items].reverse() : chart.items).map(([item]) => item));
    figure.setAttribute("aria-labelledby", (figure.querySelector("h2").id = id + "-title"));
    const sr = figure.querySelector(".sr");
    box.setAttribute("role", "img");
    box.setAttribute("aria-labelledby", id + "-title");
    box.setAttribute("aria-describedby", (sr.id = id + "-text"));

    const line = (colour, alpha) => () => alpha ? colours[colour].replace(/^rgb\((.*)\)$/, `rgba($1, ${alpha})`) : colours[colour];
    const shared = { stroke: () => colours.muted, grid: { stroke: () => colours.grid, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    chart.plot = new uPlot({
      width: 300, height: 200, legend: { show: false }, padding: [8, 14, 0, 0],
      scales: {
        x: { time: true, range: () => this.#window() },
        y: logarithmic ? { distr: 3, range: range ? () => range(this.n) : (u, low, high) => decades(low, high) }
          : { range: (u, low, high) => [0, nice(top ? Math.min(high, top()) : high)] },
      },
      axes: [
        { ...shared, space: 70, size: 26, values: (u, ts) => labels(ts) },
        { ...shared, size: 54, space: low ? 22 : 30, values: (u, vs) => vs.map(v => v == null || logarithmic && !power(v) ? "" : axis(v)),
          grid: logarithmic ? { ...shared.grid, filter: (u, vs) => vs.map(v => power(v) ? v : null) } : shared.grid },
      ],
      series: [{}, ...series.map(s => ({
        stroke: s.blank ? undefined : line(s.colour), width: s.stacked ? 0 : 1.5, points: { show: false },
        fill: s.fill ? line(s.colour, s.fill < 1 ? s.fill : 0) : undefined,
        paths: s.blank ? () => null : undefined,
      }))],
      cursor: {
        sync: { key: together.key, setSeries: false }, y: Boolean(range), points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => () => { this.setZoom(null); return null; } },
      },
      hooks: {
        drawClear: below ? [below] : [],
        setCursor: [() => this.#legend(chart)],
        setSelect: [u => {
          const { left, width } = u.select;
          if (width < 6) return;
          const zoom = [u.posToVal(left, "x"), u.posToVal(left + width, "x")].map(Math.round);
          u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          if (zoom[1] - zoom[0] >= 5) this.setZoom(zoom);
        }],
      },
    }, [[], ...series.map(() => [])], box);
    chart.plot.over.addEventListener("pointerdown", () => { this.dragging = true; });
    new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = box;
      if (width && height && (width !== chart.plot.width || height !== chart.plot.height)) chart.plot.setSize({ width, height });
    }).observe(box);
    return chart;
  }

  // #legend shows the values below the cursor, or the latest.
  #legend(chart) {
    const at = chart.plot?.cursor.idx ?? this.n - 1;
    if (!chart.plot || at < 0 || at >= this.n) return;
    if (chart.text) {
      put(chart.items[0][1], chart.text(chart.plot));
      return;
    }
    const values = chart.readout?.(at) ?? chart.values.map(v => v[at]);
    chart.series.forEach((s, i) => put(chart.items[i][1], values[i] == null || Number.isNaN(values[i]) ? "–" : s.value(values[i])));
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// round returns a duration without the zeros that an axis does not need.
function round(v) {
  if (v >= 99.5) return count(v) + " s";
  return duration(v).replace(/\.0+(?= )/, "").replace(/(\.[1-9])0+(?= )/, "$1");
}

// power tells whether a value is a power of ten.
function power(v) {
  const e = Math.log10(v);
  return Math.abs(e - Math.round(e)) < 1e-6;
}

function nice(high) {
  if (!(high > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(high));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find(m => m * unit >= high * 1.05) * unit || 10 * unit;
}

// usual returns a height above which there are only rare peaks: one second with one slow request would make all others flat.
function usual(values) {
  const sorted = Float64Array.from(values.filter(v => v > 0)).sort();
  return sorted.length < 20 ? Infinity : 3 * sorted[Math.floor(sorted.length * 0.95)];
}

function decades(low, high) {
  if (!(high > 0)) return [tallest, 1];
  low = low > 0 ? low : high / 10;
  const from = 10 ** Math.floor(Math.log10(low)), to = 10 ** Math.ceil(Math.log10(high * 1.02));
  return [from, Math.max(to, from * 10)];
}

// labels returns the times of an axis: with seconds where they are less than a minute apart.
function labels(times) {
  const fine = times.length > 1 && times[1] - times[0] < 60;
  return times.map(t => fine ? time(t) : time(t).replace(/:\d\d$/, ""));
}
