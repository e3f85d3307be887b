// Tables whose rows are used again: what changes is the text of cells, and where a row stands.

import { phases, phaseText } from "./format.js";

// Table shows rows below an element.
//
//   caption   what it is, for those who do not see it
//   columns   { name, text(row), wide: 1 or 2 (shown from a tablet, from a desk on), number, mono, cell(row, td) in place of text,
//               act: { label(row), word, danger, when(row), run(row) } for a button, sort(row) for a column to sort by }
//   key       what a row is known by; two rows never have the same
//   open      what a click on a row does, and when(row) says on which
//   most      how many rows there are at most
//   empty     what is said when there are none
export class Table {
  constructor(place, { caption, columns, key, open, when, most = 200, empty = "Nothing." }) {
    Object.assign(this, { place, columns, key, open, when: when ?? (() => true), most });
    this.rows = new Map(); // by key
    this.pool = [];
    this.shown = [];
    this.order = null; // { column, down }
    const table = document.createElement("table");
    const title = table.createCaption();
    title.className = "sr";
    title.textContent = caption;
    const head = table.createTHead().insertRow();
    this.heads = columns.map(c => {
      const th = document.createElement("th");
      th.scope = "col";
      th.className = classes(c);
      if (c.sort) {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = c.name;
        button.addEventListener("click", () => this.#sort(c));
        th.append(button);
      } else if (c.act) {
        const hidden = document.createElement("span");
        hidden.className = "sr";
        hidden.textContent = c.name;
        th.append(hidden);
      } else {
        th.textContent = c.name;
      }
      head.append(th);
      return th;
    });
    this.body = table.createTBody();
    this.table = table;
    this.table.hidden = true;
    this.note = document.createElement("p");
    this.note.className = "empty";
    this.note.textContent = "Loading…";
    this.empty = empty;
    place.replaceChildren(table, this.note);
  }

  // update shows rows. They stay in their order unless the person has chosen a column to sort by.
  update(rows) {
    this.latest = rows;
    if (this.order) {
      const { column, down } = this.order, sign = down ? -1 : 1;
      rows = [...rows].sort((a, b) => {
        const x = column.sort(a), y = column.sort(b);
        return x < y ? -sign : x > y ? sign : 0;
      });
    }
    const total = rows.length;
    rows = rows.slice(0, this.most);
    const focused = document.activeElement;
    const wanted = new Set(rows.map(this.key));
    for (const [key, tr] of this.rows) {
      if (!wanted.has(key)) {
        this.rows.delete(key);
        tr.remove();
        tr.item = null;
        if (this.pool.length < this.most) this.pool.push(tr);
      }
    }
    let next = this.body.firstChild;
    for (const row of rows) {
      const key = this.key(row);
      let tr = this.rows.get(key);
      if (!tr) {
        tr = this.pool.pop() ?? this.#row();
        this.rows.set(key, tr);
      }
      this.#fill(tr, row);
      if (tr === next) next = next.nextSibling;
      else this.body.insertBefore(tr, next);
    }
    if (focused !== document.activeElement && focused?.isConnected && this.body.contains(focused)) focused.focus({ preventScroll: true });
    else if (focused !== document.activeElement && !focused?.isConnected) this.place.focus({ preventScroll: true }); // its row is gone
    this.table.hidden = total === 0;
    this.say(total === 0 ? this.empty : total > rows.length ? `${total - rows.length} more are not shown.` : "");
  }

  // fail says why there is nothing, unless there is something.
  fail(text) {
    if (!this.rows.size) this.say(text);
  }

  // say shows a sentence below the rows.
  say(text) {
    if (this.note.textContent !== text) this.note.textContent = text;
    this.note.hidden = text === "";
  }

  #sort(column) {
    const down = this.order?.column === column ? !this.order.down : true;
    this.order = { column, down };
    this.columns.forEach((c, i) => {
      if (c === column) this.heads[i].setAttribute("aria-sort", down ? "descending" : "ascending");
      else this.heads[i].removeAttribute("aria-sort");
    });
    if (this.latest) this.update(this.latest);
  }

  #row() {
    const tr = document.createElement("tr");
    for (const c of this.columns) {
      const td = tr.insertCell();
      td.className = classes(c);
      if (c.act) {
        const button = document.createElement("button");
        button.type = "button";
        button.className = c.act.danger ? "small danger" : "small";
        button.textContent = c.act.word;
        button.addEventListener("click", e => {
          e.stopPropagation();
          if (tr.item) c.act.run(tr.item);
        });
        td.append(button);
      }
    }
    if (this.open) {
      tr.addEventListener("click", () => {
        if (tr.item && this.when(tr.item) && getSelection().isCollapsed) this.open(tr.item);
      });
    }
    return tr;
  }

  #fill(tr, row) {
    tr.item = row;
    if (this.open) tr.className = this.when(row) ? "opens" : "";
    this.columns.forEach((c, i) => {
      const td = tr.cells[i];
      if (c.act) {
        const button = td.firstChild;
        button.hidden = c.act.when ? !c.act.when(row) : false;
        const label = c.act.label(row);
        if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
      } else if (c.cell) {
        c.cell(row, td);
      } else {
        const text = c.text(row);
        if (td.textContent !== text) td.textContent = text;
        if (c.mono) td.title = text;
      }
    });
  }
}

function classes(c) {
  return [c.number && "number", c.mono && "mono", c.wide && "wide" + c.wide, c.narrow && "narrow", c.act && "act"].filter(Boolean).join(" ");
}

// phaseBar shows in a cell how a time divides into phases: one colour each, as everywhere.
export function phaseBar(cell, spans) {
  let bar = cell.firstElementChild;
  if (!bar) {
    bar = document.createElement("span");
    bar.className = "phases";
    bar.setAttribute("role", "img");
    cell.append(bar);
  }
  const all = phases.reduce((s, p) => s + (spans?.[p] > 0 ? spans[p] : 0), 0);
  let at = 0;
  const stops = [];
  for (const p of all > 0 ? phases : []) {
    const part = 100 * Math.max(0, spans[p] || 0) / all;
    if (part > 0) stops.push(`var(--${p}) ${at.toFixed(1)}% ${(at + part).toFixed(1)}%`);
    at += part;
  }
  const image = stops.length ? `linear-gradient(to right, ${stops.join(", ")})` : "none";
  if (bar.image !== image) bar.style.backgroundImage = bar.image = image;
  const text = phaseText(spans);
  if (bar.title !== text) {
    bar.title = text;
    bar.setAttribute("aria-label", text);
  }
}

// statusCell shows a status code, marked by its class.
export function statusCell(status, td) {
  const text = status ? String(status) : "none";
  if (td.textContent !== text) td.textContent = text;
  td.dataset.status = status >= 500 || !status ? "error" : status >= 400 ? "client" : "fine";
}

// facts fills a list of terms and values.
export function facts(list, pairs) {
  while (list.children.length > pairs.length) list.lastChild.remove();
  while (list.children.length < pairs.length) {
    const div = document.createElement("div");
    div.append(document.createElement("dt"), document.createElement("dd"));
    list.append(div);
  }
  pairs.forEach(([term, value], i) => {
    const [dt, dd] = list.children[i].children;
    if (dt.textContent !== term) dt.textContent = term;
    if (dd.textContent !== value) dd.textContent = value;
  });
}
