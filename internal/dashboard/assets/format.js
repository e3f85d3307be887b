// Units and words. Every value of a kind reads the same everywhere: durations in ms or s, sizes in binary units, rates per second.

export const phases = ["head", "body", "queue", "app", "stream", "send"];

const integer = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

// three returns a number with about three digits that count.
function three(x) {
  return x >= 99.5 ? integer.format(x) : x >= 9.95 ? x.toFixed(1) : x.toFixed(2);
}

export function count(n) {
  return integer.format(n || 0);
}

// rate returns a number per second or the like.
export function rate(n) {
  return n >= 100 || Number.isInteger(n) ? integer.format(n) : n.toFixed(1);
}

// duration returns seconds as text.
export function duration(s) {
  if (!Number.isFinite(s) || s < 0) return "–";
  if (s === 0) return "0 ms";
  if (s < 0.000995) return Math.max(1, Math.round(s * 1e6)) + " µs";
  if (s < 0.9995) return three(s * 1000) + " ms";
  if (s < 99.5) return three(s) + " s";
  return age(s);
}

// age returns a long time as text: "3 min 20 s", "2 h 5 min", "4 d 3 h".
export function age(s) {
  s = Math.max(0, Math.round(s || 0));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min" + (s % 60 ? " " + (s % 60) + " s" : "");
  const m = Math.floor(s / 60);
  if (m < 1440) return Math.floor(m / 60) + " h" + (m % 60 ? " " + (m % 60) + " min" : "");
  return Math.floor(m / 1440) + " d" + (Math.floor((m % 1440) / 60) ? " " + Math.floor((m % 1440) / 60) + " h" : "");
}

export function size(n) {
  if (!Number.isFinite(n) || n < 0) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let u = 0;
  while (n >= 1023.5 && u < units.length - 1) { n /= 1024; u++; }
  return (u === 0 ? integer.format(n) : three(n)) + " " + units[u];
}

export function percent(part, whole) {
  if (!whole) return "0 %";
  const p = 100 * part / whole;
  return (p === 0 || p >= 99.95 ? p.toFixed(0) : p < 0.01 ? "< 0.01" : p < 9.95 ? p.toFixed(2) : p.toFixed(1)) + " %";
}

// time returns the time of day of a date or of Unix seconds.
export function time(t) {
  const d = typeof t === "number" ? new Date(t * 1000) : new Date(t);
  return Number.isNaN(d.getTime()) ? "–" : clock.format(d);
}

export function date(t) {
  const d = new Date(t);
  return Number.isNaN(d.getTime()) ? "–" : moment.format(d);
}

// clean returns text that a stranger has chosen, with what cannot be seen or turns the direction of writing made visible.
export function clean(text) {
  return String(text ?? "").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, "\ufffd");
}

// decoded returns the text of a string whose characters each stand for a byte, as the access log has them.
export function decoded(latin) {
  latin = String(latin ?? "");
  if (!/[\u0080-\u00ff]/.test(latin)) return latin;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(latin, c => c.charCodeAt(0)));
  } catch {
    return latin;
  }
}

// body returns base64 as text, or as a dump if it is none.
export function body(base64) {
  const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true }); // a character may have been cut
    if (!/[\u0000-\u0008\u000e-\u001f]/.test(text)) return text;
  } catch { /* it is no text */ }
  const lines = [];
  for (let i = 0; i < bytes.length; i += 16) {
    const row = [...bytes.subarray(i, i + 16)];
    lines.push(i.toString(16).padStart(4, "0") + "  " + row.map(b => b.toString(16).padStart(2, "0")).join(" ").padEnd(47) + "  " +
      row.map(b => b >= 32 && b < 127 ? String.fromCharCode(b) : ".").join(""));
  }
  return lines.join("\n");
}

// routeName names a route: "site /path".
export function routeName(route) {
  const path = route?.path || "(no route)";
  return clean(route?.site ? route.site + " " + path : path);
}

// phaseText names the phases that took any time, the longest first.
export function phaseText(spans) {
  const some = phases.filter(p => spans?.[p] > 0).sort((a, b) => spans[b] - spans[a]);
  return some.length ? some.map(p => p + " " + duration(spans[p])).join(", ") : "no time in any phase";
}
