// The control interface: requests with the token, and the stream of events.

const key = "highball token";
const base = new URL(".", document.baseURI);

let asking = null; // a promise while the person is asked for the token
let ask = async () => ""; // how

// onTokenWanted sets what asks the person. It is called with whether a token was refused, and resolves to another one.
export function onTokenWanted(f) { ask = f; }

// takeToken moves a token from the page's address, "#token=TOKEN" or "#token=TOKEN&PANEL", where it would stay in the history, to the storage of
// this tab.
export function takeToken() {
  const found = /^#token=([^&]*)(?:&(.*))?$/.exec(location.hash);
  if (!found) return;
  sessionStorage.setItem(key, decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + location.search + (found[2] ? "#/" + found[2] : ""));
}

// Failure is a request that was refused or could not be made; status is 0 for the latter.
export class Failure extends Error {
  constructor(status, lines) {
    super(lines.join("\n"));
    this.status = status;
  }
}

// send makes a request and returns the response, once the server has granted it.
async function send(path, options) {
  for (;;) {
    const token = sessionStorage.getItem(key);
    const headers = { Accept: "application/json", ...options.headers };
    if (token) headers.Authorization = "Bearer " + token;
    let response;
    try {
      response = await fetch(new URL(path, base), { ...options, headers, cache: "no-store", credentials: "same-origin", redirect: "error" });
    } catch (e) {
      if (options.signal?.aborted) throw e;
      throw new Failure(0, ["The server cannot be reached."]);
    }
    if (response.ok) return response;
    if (response.status === 401) {
      if (sessionStorage.getItem(key) === token) { // nobody has entered another one meanwhile
        asking ??= ask(Boolean(token)).finally(() => { asking = null; });
        sessionStorage.setItem(key, await asking);
      }
      continue;
    }
    let lines;
    try { lines = (await response.json()).errors; } catch { /* not from the interface */ }
    throw new Failure(response.status, Array.isArray(lines) && lines.length ? lines.map(String) : ["The server answers " + response.status + "."]);
  }
}

export async function read(path, signal) {
  return (await send(path, { signal })).json();
}

export async function order(path, what) {
  const options = { method: "POST" };
  if (what !== undefined) {
    options.body = JSON.stringify(what);
    options.headers = { "Content-Type": "application/json" };
  }
  return (await send(path, options)).json();
}

// segment returns an ID as a part of a path. It may have been given by a proxy, and have a slash; so it is escaped twice.
export function segment(id) { return encodeURIComponent(encodeURIComponent(id)); }

const longestSilence = 20_000; // ms, of a stream that has a tick every second, or at least a comment every 15

// parser returns what takes the text of a stream in pieces, and calls take for each event that is whole. A piece is not kept.
function parser(take) {
  let rest = "", name = "", data = "";
  return text => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop();
    if (rest.length > 1 << 20) throw new Failure(0, ["The stream of events is not understood."]);
    for (const line of lines) {
      if (line === "") {
        if (data) take(name || "message", data);
        name = data = "";
      } else if (line.startsWith("event:")) {
        name = line.slice(6).trim();
      } else if (line.startsWith("data:")) {
        data += (data && "\n") + line.slice(5).trimStart();
      }
    }
  };
}

// events reads the stream of events at a path until it ends. take is called with the name and the data of each event.
async function events(path, signal, take) {
  const own = new AbortController();
  const end = () => own.abort();
  signal.addEventListener("abort", end);
  let watch;
  const alive = () => { clearTimeout(watch); watch = setTimeout(end, longestSilence); };
  try {
    const response = await send(path, { signal: own.signal, headers: { Accept: "text/event-stream" } });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser(take);
    alive();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      alive();
      parse(value);
    }
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", end);
  }
}

// Stream is a stream of events that comes back after a loss, with longer and longer pauses while nobody answers.
//
//   path()                        the address, asked for each time
//   event(name, data)             an event
//   state(word, failure, pause)   "connecting", "open", "waiting", "refused"; these two with the failure and the pause
export class Stream {
  constructor({ path, event, state }) {
    Object.assign(this, { path, event, state });
    this.failures = 0;
    this.control = null;
    this.wake = null;
  }

  // start begins, or begins again at once.
  start() {
    this.stop();
    this.failures = 0;
    const control = this.control = new AbortController();
    this.run(control.signal);
  }

  stop() {
    this.control?.abort();
    this.control = null;
    this.wake?.();
  }

  // hurry ends a pause.
  hurry() { this.wake?.(); }

  async run(signal) {
    while (!signal.aborted) {
      this.state("connecting");
      let failure = null;
      try {
        await events(this.path(), signal, (name, data) => {
          if (signal.aborted) return;
          if (this.failures >= 0) { this.failures = -1; this.state("open"); }
          this.event(name, data);
        });
      } catch (e) {
        failure = e;
      }
      if (signal.aborted) break;
      this.failures = Math.max(0, this.failures) + 1;
      const pause = Math.min(15, 0.5 * 2 ** (this.failures - 1)) * (0.8 + 0.4 * Math.random());
      this.state(failure instanceof Failure && failure.status ? "refused" : "waiting", failure, pause);
      await new Promise(done => {
        const timer = setTimeout(done, pause * 1000);
        this.wake = () => { clearTimeout(timer); done(); };
      });
      this.wake = null;
    }
  }
}
