// The page: an inbox for everything that was sent to the sandbox.

import { api, follow } from "./api.js";
import * as detail from "./detail.js";
import { byId, toast } from "./dom.js";
import { listen } from "./keys.js";
import { choose, clockTime } from "./list.js";
import * as panels from "./panels.js";
import { changed, load, merge, onChange, state } from "./state.js";
import { current, toggleLanguage, translate, w } from "./words.js";

const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* forgotten with the page */ } };
const recall = (name) => { try { return localStorage.getItem(name); } catch { return null; } };

// --- what is chosen stands in the address, so it survives a reload and can be passed on

function readAddress() {
  const values = new URLSearchParams(location.hash.slice(1));
  state.query = values.get("q") ?? "";
  state.selected = values.get("id");
  state.view = values.get("view") === "threads" ? "threads" : "all";
  byId("query").value = state.query;
}

function writeAddress() {
  const values = new URLSearchParams();
  if (state.query) values.set("q", state.query);
  if (state.view !== "all") values.set("view", state.view);
  if (state.selected) values.set("id", state.selected);
  history.replaceState(null, "", "#" + values);
}

function showSelected() {
  document.body.classList.toggle("reading", Boolean(state.selected));
  if (state.selected) detail.show(state.selected);
  else detail.nothing();
}

onChange(({ selected, list }) => {
  if (selected) { writeAddress(); showSelected(); }
  if (list && !state.selected) detail.nothing();
});

detail.onSelect((id) => {
  if (id) return choose(id);
  state.selected = null;
  changed({ selected: true });
  byId("list").focus();
});

// --- search

function search() {
  state.query = byId("query").value.trim();
  writeAddress();
  return load();
}

onChange(({ problem }) => {
  if (problem === undefined) return;
  byId("query-problem").textContent = problem;
  byId("query-problem").hidden = !problem;
});

let pause = 0;
byId("query").addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(search, 150); });
byId("search").addEventListener("submit", (event) => { event.preventDefault(); search(); byId("list").focus(); });

// --- tabs, tools

function view(name) {
  state.view = name;
  for (const tab of ["all", "threads"]) byId("tab-" + tab).setAttribute("aria-selected", String(tab === name));
  writeAddress();
  changed({ list: true });
}
byId("tab-all").addEventListener("click", () => view("all"));
byId("tab-threads").addEventListener("click", () => view("threads"));
byId("home").addEventListener("click", () => { byId("query").value = ""; state.selected = null; changed({ selected: true }); search(); });
// What the search shows is what is saved.
byId("export").addEventListener("click", (event) => {
  event.currentTarget.href = "_sandbox/messages.jsonl?" + new URLSearchParams({ q: state.query });
});
byId("reset").addEventListener("click", async () => {
  if (!confirm(w("resetSure"))) return;
  try { await api.post("reset"); } catch (error) { return toast(error.message); }
  state.selected = null;
  changed({ selected: true });
  toast(w("forgotten"));
});
for (const button of document.querySelectorAll("[data-panel]")) {
  button.addEventListener("click", () => panels.toggle(button.dataset.panel));
}

function paintLanguage() {
  translate();
  byId("language").textContent = current() === "ru" ? "EN" : "RU";
  byId("language").setAttribute("aria-label", current() === "ru" ? "English" : "Русский");
}
byId("language").addEventListener("click", () => {
  toggleLanguage();
  paintLanguage();
  paintLive();
  changed({ list: true });
  detail.repaint();
  panels.repaint();
});

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
}
byId("theme").addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme(dark ? "light" : "dark");
  remember("theme", dark ? "light" : "dark");
});

// --- the sandbox's clock runs here between two readings of it

let reading = { at: performance.now(), now: Date.now() };
function setClock(iso) { reading = { at: performance.now(), now: Date.parse(iso) }; paintClock(); }
function paintClock() {
  const text = clockTime(new Date(reading.now + performance.now() - reading.at).toISOString());
  byId("clock").textContent = text;
  const big = byId("panel-clock");
  if (big) big.textContent = text;
}
setInterval(paintClock, 1000);

// --- live

let connected = false;
function paintLive() {
  byId("live").textContent = connected ? w("live") : w("offline");
  byId("live").classList.toggle("on", connected);
}

listen({
  open: () => { if (state.selected) byId("detail").focus(); },
  back: () => { if (panels.isOpen()) panels.close(); else if (state.selected) { state.selected = null; changed({ selected: true }); } },
  reply: () => byId("reply")?.focus(),
});

theme(recall("theme"));
readAddress();
paintLanguage();
paintLive();
view(state.view);
await search();
showSelected();
follow((batch) => {
  setClock(batch.now);
  merge(batch);
  if (batch.reload) detail.reload();
  panels.heard(batch.topics);
  if (batch.topics.includes("pushes")) detail.reload();
}, (on) => { connected = on; paintLive(); });
