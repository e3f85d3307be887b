// Light, dark, or as the system has it; and the colours of the style sheet as canvases want them.

const key = "highball theme";
const order = ["system", "light", "dark"];
const names = ["text", "muted", "grid", "card", "total", "client", "error", "heat", "p50", "p90", "p99", "p999",
  "head", "body", "queue", "app", "stream", "send"];

// colours has the present value of each.
export const colours = {};

const listeners = [];

// onColours has f called when the colours have changed.
export function onColours(f) { listeners.push(f); }

function resolve() {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colours[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  for (const f of listeners) f();
}

function apply(theme) {
  document.documentElement.dataset.theme = theme;
  document.getElementById("theme").textContent = "Theme: " + theme;
  resolve();
}

// start puts the theme in force that was chosen last, and lets the person choose.
export function start() {
  const chosen = localStorage.getItem(key);
  let theme = order.includes(chosen) ? chosen : "system";
  document.getElementById("theme").addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    localStorage.setItem(key, theme);
    apply(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", resolve);
  apply(theme);
}
