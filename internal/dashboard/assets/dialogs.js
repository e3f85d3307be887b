// The dialogs that several panels open: the stack of a request, its end, and the token.

import { order, read, segment } from "./api.js";
import { clean, duration, time } from "./format.js";

const byId = id => document.getElementById(id);

// notice says something above the panels for a while.
export function notice(text, lasting = 8000) {
  const p = document.createElement("p");
  p.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Dismiss";
  close.className = "small quiet";
  close.addEventListener("click", () => p.remove());
  p.append(close);
  const box = byId("notices");
  while (box.children.length > 2) box.firstChild.remove();
  box.append(p);
  if (lasting) setTimeout(() => p.remove(), lasting);
}

// start has the dialogs' buttons close them.
export function start() {
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}

// askToken asks for the token until one is entered.
export function askToken(refused) {
  const dialog = byId("token-dialog"), input = byId("token");
  if (refused) byId("token-text").textContent = "The server does not accept this token. It may have been started anew since.";
  input.value = "";
  return new Promise(done => {
    byId("token-form").onsubmit = () => done(input.value.trim());
    dialog.oncancel = e => e.preventDefault(); // there is nothing to see without it
    dialog.showModal();
  });
}

function what(r) {
  return clean(`${r.method} ${r.host ?? ""}${r.target}`);
}

// kill asks whether a request is to be ended, and ends it.
export function kill(request) {
  const dialog = byId("kill-dialog");
  byId("kill-what").textContent = `${what(request)}\n${clean(request.client || "unix socket")}, for ${duration(request.age)}`;
  dialog.returnValue = "";
  dialog.onclose = async () => {
    if (dialog.returnValue !== "kill") return;
    try {
      await order(`requests/${segment(request.id)}/kill`);
      notice(`Ended: ${what(request)}`);
      if (byId("stack-dialog").open) byId("stack-dialog").close();
    } catch (e) {
      notice(e.status === 404 ? "That request was over already." : e.message);
    }
  };
  dialog.showModal();
}

let looking = 0; // which stack was asked for last

// stack shows where the program that answers a request is.
export function stack(request) {
  const dialog = byId("stack-dialog");
  byId("stack-what").textContent = what(request);
  byId("stack-again").onclick = () => look(request);
  byId("stack-kill").onclick = () => kill(request);
  look(request);
  if (!dialog.open) dialog.showModal();
}

async function look(request) {
  const mine = ++looking, line = byId("stack-line"), text = byId("stack-text");
  line.textContent = "Looking…";
  try {
    const s = await read(`requests/${segment(request.id)}/stack`);
    if (mine !== looking) return;
    line.textContent = clean(s.line || "No frame is known.");
    text.textContent = clean(s.text);
    text.hidden = false;
    byId("stack-title").textContent = `Stack at ${time(s.taken)}, application ${clean(s.app)}, worker ${s.worker}, PID ${s.pid}`;
  } catch (e) {
    if (mine !== looking) return;
    line.textContent = e.status === 404 ? "The request is over." : clean(e.message);
    text.hidden = true;
    byId("stack-title").textContent = "Stack";
  }
}
