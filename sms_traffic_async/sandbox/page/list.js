// The list of messages: only the rows in sight exist, however many messages there are.

import { byId, h } from "./dom.js";
import { changed, loadMore, onChange, state, threads } from "./state.js";
import { locale, w } from "./words.js";

const ROW = 68;
const BEYOND = 6;

const box = byId("list");
const ground = h("div", { class: "ground", role: "presentation" });
box.append(ground);

let rows = [];

export const statusClass = (status) => ({
  "": "waiting", "Buffered SMSC": "moving", Delivered: "good", Read: "best", Clicked: "best", Checked: "best",
  Accepted: "moving",
}[status] ?? (status === "inbound" ? "in" : "bad"));

export const statusWord = (message) => (message.direction === "mo" ? w("inbound") : message.status || w("waiting"));

export const phone = (number) => {
  const found = /^7(\d{3})(\d{3})(\d{2})(\d{2})$/.exec(number);
  return found ? `+7 ${found[1]} ${found[2]}-${found[3]}-${found[4]}` : (/^\d+$/.test(number) ? "+" + number : number);
};

export const time = (iso) => (iso ? new Date(iso).toLocaleTimeString(locale(), { timeZone: "Europe/Moscow" }) : "");

export const clockTime = (iso) => new Date(iso).toLocaleString(locale(), {
  timeZone: "Europe/Moscow", day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function row(entry, index) {
  const { message, count } = entry;
  const selected = message.id === state.selected;
  const inbound = message.direction === "mo";
  return h("div", {
    class: ["row", selected && "selected", state.arrived.has(message.id) && "arrived"].filter(Boolean).join(" "),
    role: "option", id: "row-" + message.id, "aria-selected": String(selected),
    "aria-setsize": rows.length, "aria-posinset": index + 1, "data-id": message.id,
  },
  h("span", { class: "dot " + (inbound ? "in" : statusClass(message.status)), title: statusWord(message) }),
  h("span", { class: "who" }, phone(message.to), count > 1 ? h("span", { class: "pill" }, count) : null),
  h("span", { class: "meta" }, h("span", { class: "badge" }, inbound ? "mo" : message.protocol), h("time", {}, time(message.submitted_at))),
  h("span", { class: "text" }, inbound ? "← " : "", message.text),
  h("span", { class: "fate" }, statusWord(message), message.parts > 1 ? ` · ${message.parts}` : ""));
}

function paint() {
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + BEYOND);
  const shown = [];
  for (let index = first; index < last; index += 1) {
    const element = row(rows[index], index);
    element.style.transform = `translateY(${index * ROW}px)`;
    shown.push(element);
  }
  ground.replaceChildren(...shown);
  if (last >= rows.length - BEYOND * 4) loadMore();
}

function refresh() {
  const before = rows.length;
  rows = state.view === "threads"
    ? threads().map(({ newest, count }) => ({ message: newest, count }))
    : state.order.map((id) => ({ message: state.messages.get(id), count: 0 }));
  ground.style.height = `${rows.length * ROW}px`;
  // Whoever reads further down keeps what is before the eyes when new messages come in above.
  if (box.scrollTop > ROW && rows.length > before && before) box.scrollTop += (rows.length - before) * ROW;
  box.setAttribute("aria-activedescendant", state.selected ? "row-" + state.selected : "");
  byId("count").textContent = state.view === "threads" ? rows.length : state.total;
  box.classList.toggle("empty", rows.length === 0);
  box.dataset.empty = state.query ? w("nothing") : w("empty");
  paint();
}

let frame = 0;
const soon = () => { if (!frame) frame = requestAnimationFrame(() => { frame = 0; refresh(); }); };

onChange(soon);
box.addEventListener("scroll", () => { if (!frame) frame = requestAnimationFrame(() => { frame = 0; paint(); }); }, { passive: true });
new ResizeObserver(soon).observe(box);

// Rows are drawn anew while messages come in. A click whose button went down on one element and up on its
// successor is none for the browser, so what was pressed is remembered by its id.
const rowAt = (event) => event.target.closest?.(".row")?.dataset.id;
let pressed = null;
box.addEventListener("mousedown", (event) => { pressed = event.button === 0 ? rowAt(event) : null; });
box.addEventListener("mouseup", () => { if (pressed) choose(pressed); pressed = null; });
document.addEventListener("mouseup", () => { pressed = null; });
box.addEventListener("click", (event) => {  // without a mouse: a screen reader's
  const chosen = rowAt(event);
  if (chosen && chosen !== state.selected && event.detail === 0) choose(chosen);
});

export function choose(id) {
  state.selected = id;
  changed({ selected: true });
  const index = rows.findIndex((entry) => entry.message.id === id);
  if (index < 0) return;
  if (index * ROW < box.scrollTop) box.scrollTop = index * ROW;
  else if ((index + 1) * ROW > box.scrollTop + box.clientHeight) box.scrollTop = (index + 1) * ROW - box.clientHeight;
}

export function step(by) {
  if (!rows.length) return;
  const here = rows.findIndex((entry) => entry.message.id === state.selected);
  choose(rows[Math.min(rows.length - 1, Math.max(0, here < 0 ? 0 : here + by))].message.id);
}
