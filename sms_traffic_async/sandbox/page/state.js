// What the page knows: the newest messages, what was searched for, what is chosen.

import { api } from "./api.js";

const PAGE = 500;
const MOST = 5000;

export const state = {
  messages: new Map(), // id -> message, as the sandbox last told it
  order: [],           // ids, newest first: all, or what the search found
  total: 0,
  query: "",
  view: "all",
  selected: null,
  arrived: new Set(),  // ids that came while the page was open, for a short glow
};

const listeners = [];
export const onChange = (listener) => listeners.push(listener);
export const changed = (what = {}) => listeners.forEach((listener) => listener(what));

let loading = 0;

// Searches follow from typing and from the stream of changes alike: whichever is the last one to ask tells how it ended.
export async function load() {
  const mine = ++loading;
  let found;
  try {
    found = await api.get("messages", { q: state.query, limit: PAGE });
  } catch (error) {
    if (mine === loading) changed({ problem: error.message });
    return;
  }
  if (mine !== loading) return; // a later search overtook this one
  state.messages.clear();
  state.order = take(found.messages);
  state.total = found.total;
  changed({ list: true, problem: "" });
}

let more = null;

export function loadMore() {
  if (more || state.order.length >= Math.min(state.total, MOST)) return;
  const mine = loading;
  more = api.get("messages", { q: state.query, limit: PAGE, offset: state.order.length }).then((found) => {
    if (mine !== loading) return;
    const known = new Set(state.order);
    state.order.push(...take(found.messages).filter((id) => !known.has(id)));
    changed({ list: true });
  }, () => {} /* what is shown stays; scrolling on asks again */).finally(() => { more = null; });
}

const take = (messages) => messages.map((message) => {
  state.messages.set(message.id, message);
  return message.id;
});

let searching = 0;

export function merge(batch) {
  if (batch.reload) return void load();
  if (state.query) {
    // Only the sandbox knows which of them match.
    for (const message of batch.messages) if (state.messages.has(message.id)) state.messages.set(message.id, message);
    if (batch.messages.length && !searching) searching = setTimeout(() => { searching = 0; load(); }, 300);
  } else {
    const fresh = [];
    for (const message of batch.messages) {
      if (!state.messages.has(message.id)) fresh.push(message.id);
      state.messages.set(message.id, message);
    }
    if (fresh.length) {
      fresh.reverse();
      state.order = fresh.concat(state.order);
      for (const id of state.order.splice(MOST)) state.messages.delete(id);
      fresh.forEach(glow);
    }
    state.total = batch.total;
  }
  if (batch.messages.length) changed({ list: true, ids: new Set(batch.messages.map((message) => message.id)) });
}

function glow(id) {
  state.arrived.add(id);
  setTimeout(() => { state.arrived.delete(id); }, 1500);
}

// One row a number: its newest message, and how many there are.
export function threads() {
  const found = new Map();
  for (const id of state.order) {
    const message = state.messages.get(id);
    const thread = found.get(message.to);
    if (thread) thread.count += 1;
    else found.set(message.to, { newest: message, count: 1 });
  }
  return [...found.values()];
}
