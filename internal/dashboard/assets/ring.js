// The last hour, second by second, in arrays whose size never changes.

import { phases } from "./format.js";

export const capacity = 3600; // seconds

// column is an array in which each value stands twice, capacity apart: whatever part of the ring is wanted then lies in one piece, and is
// read without a copy.
const column = () => new Float64Array(2 * capacity);

const names = ["time", "requests", "client", "errors", "p50", "p90", "p99", "p999", "sent", "flight", "waiting", "open", ...phases];

export class Ring {
  constructor() {
    this.length = 0;
    this.next = 0; // 0 to capacity-1
    this.last = 0; // Unix seconds of the latest
    this.columns = Object.fromEntries(names.map(n => [n, column()]));
    this.buckets = []; // upper bounds, and the last has none
    this.latency = []; // a column per bucket
  }

  // setBuckets says what the counts of ticks' latencies are of. Another division than before drops them.
  setBuckets(bounds) {
    if (bounds.length === this.buckets.length && bounds.every((b, i) => b === this.buckets[i])) return;
    this.buckets = bounds.slice(0, 400);
    this.latency = Array.from({ length: this.buckets.length + 1 }, () => new Float64Array(2 * capacity));
  }

  // put takes a tick, unless it is no later than the latest, and reports whether it did. Seconds that nobody has told of are NaN.
  put(tick) {
    if (tick.time < this.last - 60) this.length = this.last = 0; // the server's clock was set back
    if (!(tick.time > this.last)) return false;
    if (this.last) {
      for (let t = Math.max(this.last + 1, tick.time - capacity); t < tick.time; t++) this.#skip(t);
    }
    this.last = tick.time;
    const at = this.next, c = this.columns;
    const set = (array, value) => { array[at] = array[at + capacity] = Number.isFinite(value) ? value : 0; };
    const status = tick.status ?? {};
    set(c.time, tick.time);
    set(c.requests, tick.requests);
    set(c.client, status["4xx"]);
    set(c.errors, (status["5xx"] ?? 0) + (status.none ?? 0));
    for (const p of ["p50", "p90", "p99", "p999"]) set(c[p], tick[p]);
    set(c.sent, tick.sent);
    set(c.flight, tick.in_flight);
    set(c.waiting, tick.waiting);
    set(c.open, tick.open);
    for (const p of phases) set(c[p], tick.phases?.[p]);
    for (let i = 0; i < this.latency.length; i++) set(this.latency[i], tick.latency?.[i]);
    this.#advance();
    return true;
  }

  #skip(time) {
    const at = this.next;
    for (const name of names) this.columns[name][at] = this.columns[name][at + capacity] = name === "time" ? time : NaN;
    for (const array of this.latency) array[at] = array[at + capacity] = NaN;
    this.#advance();
  }

  #advance() {
    this.next = (this.next + 1) % capacity;
    this.length = Math.min(capacity, this.length + 1);
  }

  // since returns how many of the latest values are of a time, in Unix seconds, or later.
  since(time) {
    const all = this.view("time", this.length);
    let lo = 0, hi = all.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (all[mid] < time) lo = mid + 1; else hi = mid;
    }
    return all.length - lo;
  }

  // part returns the latest n values of an array, the oldest first, without a copy.
  part(array, n) {
    const end = this.next + capacity;
    return array.subarray(end - n, end);
  }

  view(name, n) { return this.part(this.columns[name], n); }
}
