// The latencies of all requests, as shades: time to the right, duration upwards on a logarithmic scale. It is drawn below the grid of a uPlot
// chart, whose axes, cursor and zoom it shares.

import { colours } from "./theme.js";

const narrowest = 3; // CSS pixels of a column

// edges returns the lower and upper bound of a bucket. The outermost have one that is made up, so that they can be drawn.
export function edges(buckets, i) {
  const last = buckets.length - 1;
  if (i > last) return [buckets[last], buckets[last] * (last > 0 ? buckets[last] / buckets[last - 1] : 2)];
  return [i > 0 ? buckets[i - 1] : buckets[0] / (last > 0 ? buckets[1] / buckets[0] : 2), buckets[i]];
}

export class HeatMap {
  constructor(ring) {
    this.ring = ring;
    this.cells = new Float64Array(0); // sums, column by column
  }

  // range returns the lowest and highest duration to be shown: what occurs, with a margin.
  range(n) {
    const { buckets } = this.ring;
    if (!buckets.length) return [0.001, 1];
    let low = Infinity, high = -1;
    this.ring.latency.forEach((array, i) => {
      if (this.ring.part(array, n).some(x => x > 0)) { low = Math.min(low, i); high = i; }
    });
    if (high < 0) { low = 0; high = buckets.length - 1; }
    return [edges(buckets, Math.max(0, low - 1))[0], edges(buckets, Math.min(buckets.length, high + 1))[1]];
  }

  // draw is uPlot's hook.
  draw(u, from, to) {
    const { ring } = this, { buckets } = ring;
    const n = ring.since(from);
    if (!buckets.length || !n || to <= from) return;
    const { left, top, width, height } = u.bbox;
    const ratio = window.devicePixelRatio || 1;
    const step = Math.max(1, Math.ceil((to - from) / (width / ratio / narrowest))); // seconds in a column
    const first = Math.floor(from / step), columns = Math.floor(to / step) - first + 1, rows = buckets.length + 1;
    if (this.cells.length < columns * rows) this.cells = new Float64Array(columns * rows);
    else this.cells.fill(0);
    const times = ring.view("time", n);
    let most = 0;
    for (let r = 0; r < rows; r++) {
      const counts = ring.part(ring.latency[r], n);
      for (let i = 0; i < n; i++) {
        const column = Math.floor(times[i] / step) - first;
        if (!(counts[i] > 0) || column >= columns) continue;
        const sum = this.cells[column * rows + r] += counts[i];
        if (sum > most) most = sum;
      }
    }
    if (!most) return;
    const { ctx } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.fillStyle = colours.heat;
    const scale = Math.log1p(most);
    const ys = Array.from({ length: rows }, (_, r) => edges(buckets, r).map(v => Math.round(u.valToPos(v, "y", true))));
    for (let c = 0; c < columns; c++) {
      const x0 = Math.round(u.valToPos((first + c) * step - 0.5, "x", true));
      const x1 = Math.round(u.valToPos((first + c + 1) * step - 0.5, "x", true));
      for (let r = 0; r < rows; r++) {
        const sum = this.cells[c * rows + r];
        if (!sum) continue;
        ctx.globalAlpha = 0.12 + 0.88 * Math.log1p(sum) / scale;
        ctx.fillRect(x0, ys[r][1], Math.max(1, x1 - x0), Math.max(1, ys[r][0] - ys[r][1]));
      }
    }
    ctx.restore();
  }

  // at returns the count of the requests of a second by duration: the bounds of a bucket and how many there are.
  at(time, duration) {
    const { ring } = this, { buckets } = ring;
    const n = ring.since(time);
    if (!n || !buckets.length) return null;
    let i = buckets.findIndex(b => duration <= b);
    if (i < 0) i = buckets.length;
    return { from: i > 0 ? buckets[i - 1] : 0, to: buckets[i], count: ring.part(ring.latency[i], n)[0] || 0 };
  }
}
