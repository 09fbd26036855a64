// One number: its conversation, and everything about the chosen message.

import { api, Refused } from "./api.js";
import { asCurl, asPython, asTest, copyButton } from "./copy.js";
import { byId, fill, h, toast } from "./dom.js";
import { clockTime, phone, statusClass, statusWord, time } from "./list.js";
import { onChange, state } from "./state.js";
import { counted, w } from "./words.js";

const box = byId("detail");
const THREAD = 100;
const FORCED = 12;

let shown = null;  // { id, message, thread, pushes }
let draft = "";    // an answer that is being typed survives what comes in meanwhile

export function nothing() {
  shown = null;
  fill(box, h("div", { class: "blank" },
    h("p", {}, state.total ? w("pick") : w("empty")),
    state.total ? null : [h("p", { class: "hint" }, w("emptyHint")),
      h("pre", { class: "code" }, "sms-traffic sandbox   # prints the variables\nsms-traffic send 79161112233 'Ваш код 1234'")],
    h("p", { class: "hint keys" }, w("keys"))));
}

let loads = 0;

export async function show(id) {
  const mine = ++loads;
  const message = await api.get("messages/" + encodeURIComponent(id)).catch(() => null);
  if (mine !== loads) return;
  if (!message) return nothing();
  const [thread, pushes] = await Promise.all([
    api.get("messages", { q: `to:"${message.to}"`, limit: THREAD }),
    api.get("pushes", { message: id }),
  ]);
  if (mine !== loads) return;
  const changedNumber = !shown || shown.message.to !== message.to;
  if (changedNumber) draft = "";
  shown = { id, message, thread: thread.messages.filter((one) => one.to === message.to).reverse(), calls: pushes.calls };
  paint(changedNumber);
}

const field = (name, value) => (value === null || value === undefined || value === "" ? null
  : [h("dt", {}, w(name)), h("dd", {}, value)]);

function bubble(message) {
  const inbound = message.direction === "mo";
  return h("button", {
    type: "button", class: `bubble ${inbound ? "in" : "out"} ${message.id === state.selected ? "chosen" : ""}`,
    "aria-pressed": String(message.id === state.selected), onclick: () => select(message.id),
  },
  h("span", { class: "said" }, message.text),
  h("span", { class: "foot" }, time(message.submitted_at), inbound ? "" : " · ", inbound ? "" : h("span", { class: "fate " + statusClass(message.status) }, statusWord(message))));
}

let select = () => {};
export const onSelect = (action) => { select = action; };

function replyForm(message) {
  const input = h("textarea", { id: "reply", rows: 1, maxlength: 2000, placeholder: w("replyText"), "aria-label": w("replyText"),
    oninput: (event) => { draft = event.target.value; },
    onkeydown: (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); } } });
  input.value = draft;
  const form = h("form", { class: "reply", "aria-label": w("reply"), onsubmit: async (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!text) return;
    try {
      await api.post("inbound", { from: message.to, to: message.from || "1234", text });
      draft = "";
      input.value = "";
    } catch (error) {
      toast(error instanceof Refused ? error.message : String(error));
    }
  } }, input, h("button", { type: "submit" }, w("send")));
  return form;
}

function air(message) {
  const { analysis } = message;
  if (!analysis) return null;
  const forced = analysis.forced_by ?? [];
  return h("section", { class: "card air" }, h("h3", {}, w("air")),
    h("p", {}, h("b", {}, message.encoding.toUpperCase()), ` · ${counted(analysis.units ?? 0, "units")} · ${counted(message.parts, "parts")}`,
      analysis.units_left !== undefined ? ` · ${w("left")} ${analysis.units_left}` : ""),
    forced.length ? h("p", { class: "forced" }, w("forcedBy"), " ", forced.slice(0, FORCED).map((char) => h("kbd", {}, char)),
      forced.length > FORCED ? ` +${forced.length - FORCED}` : "",
      analysis.ucs2_cost ? ` · ${w("costs")}: ${analysis.ucs2_cost}` : "") : h("p", { class: "hint" }, w("plain")),
    analysis.texts.length > 1 ? h("ol", { class: "partlist" }, analysis.texts.map((text) => h("li", {}, text))) : null);
}

const found = (name, values) => (values?.length ? h("section", { class: "card" }, h("h3", {}, w(name)),
  h("ul", { class: "chips" }, values.map((value) => h("li", {}, h("code", {}, value), copyButton(w("copy"), () => value, name))))) : null);

function facts(message) {
  return h("section", { class: "card" }, h("h3", {}, w("details")), h("dl", {},
    field("to", phone(message.to)), field("from", message.from), field("via", `${message.protocol} · ${w("node")} ${message.node}`),
    field("id", message.id), message.part_ids.length > 1 ? field("ids", message.part_ids.join(" ")) : null,
    field("tracking", message.tracking_data), field("restrictive", message.restrictive_id), field("batch", message.batch_name),
    field("login", message.login), field("cost", message.cost), field("operator", `${message.operator}, ${message.country}`),
    message.error ? field("error", message.error) : null,
    message.start_at ? field("scheduled", clockTime(message.start_at)) : null));
}

function timeline(message) {
  const steps = [{ word: w("accepted"), status: "", at: message.submitted_at }];
  if (message.sent_at && message.direction === "mt") steps.push({ word: w("sent"), status: "", at: message.sent_at });
  steps.push(...message.history);
  return h("section", { class: "card" }, h("h3", {}, w("timeline")), h("ol", { class: "timeline" },
    steps.map((one) => h("li", { class: statusClass(one.status) }, h("time", {}, time(one.at)), " ", one.word ?? one.status))));
}

const pretty = (text) => {
  // A number that JavaScript would round is shown as it was.
  if (/[[:,]\s*-?\d{16,}/.test(text)) return text;
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

function wire(message) {
  const { exchange } = message;
  if (message.direction === "mo" && !exchange) return null;
  return h("section", { class: "card wide" }, h("h3", {}, w("wire")), exchange ? [
    h("h4", {}, w("request"), " ", h("span", { class: "hint" }, exchange.request_id)),
    // A PDU says its own name; of everything else the head is shown too.
    h("pre", { class: "code" }, exchange.protocol === "smpp" ? exchange.body : [exchange.head, exchange.body ? "\n\n" + pretty(exchange.body) : ""]),
    h("h4", {}, w("answer"), exchange.status ? ` ${exchange.status}` : ""),
    h("pre", { class: "code" }, pretty(exchange.answer)),
  ] : h("p", { class: "hint" }, w("noWire")));
}

// A push or a forwarded message: where it went, what the application said, when it is tried again.
export function callRow(call, after) {
  const good = call.state === "delivered";
  return h("li", { class: "push " + (good ? "good" : call.state === "waiting" || call.state === "in flight" ? "moving" : "bad") },
    h("b", {}, call.kind), " ", call.method, " ", h("code", {}, call.url), " ", h("span", { class: "state" }, call.state),
    call.next_at ? h("span", { class: "hint" }, ` · ${w("nextAt")} ${time(call.next_at)}`) : null,
    h("button", { type: "button", class: "copy", onclick: async () => {
      await api.post(`pushes/${encodeURIComponent(call.id)}/resend`).catch((error) => toast(error.message));
      after?.();
    } }, w("resend")),
    h("ol", { class: "plain attempts" }, call.attempts.slice(-5).map((attempt) => h("li", {}, h("time", {}, time(attempt.at)), " ",
      h("b", {}, attempt.status ?? attempt.error), h("span", { class: "hint" }, ` ${Math.round(attempt.seconds * 1000)} ms`)))));
}

function pushes() {
  return shown.calls.length ? h("section", { class: "card wide" }, h("h3", {}, w("pushes")),
    h("ul", { class: "plain" }, shown.calls.map((call) => callRow(call, reload)))) : null;
}

function paint(fromTheEnd) {
  const { message, thread } = shown;
  const focused = document.activeElement?.id === "reply";
  const old = box.querySelector(".thread");
  const atEnd = !old || old.scrollHeight - old.scrollTop - old.clientHeight < 40;
  const at = old?.scrollTop ?? 0;
  const rows = h("div", { class: "thread", tabindex: 0, role: "group", "aria-label": w("threads") }, thread.map(bubble));
  fill(box,
    h("header", { class: "head" },
      h("button", { type: "button", class: "quiet back", onclick: () => select(null) }, "← ", w("back")),
      h("h2", {}, phone(message.to)), h("span", { class: "hint" }, `${message.operator}`)),
    rows, replyForm(message),
    h("div", { class: "cards" },
      found("codes", message.analysis?.codes), found("links", message.analysis?.links),
      facts(message), timeline(message), air(message), pushes(),
      h("section", { class: "card" }, h("h3", {}, w("copyAs")), h("div", { class: "buttons" },
        copyButton("Python", () => asPython(message), "python"), copyButton("curl", () => asCurl(message), "curl"),
        copyButton("pytest", () => asTest(message), "pytest"))),
      wire(message)));
  rows.scrollTop = fromTheEnd || atEnd ? rows.scrollHeight : at;
  if (fromTheEnd) rows.querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
  if (focused) { const input = byId("reply"); input.focus(); input.setSelectionRange(draft.length, draft.length); }
}

// What changes while it is looked at is read again, at most four times a second.
let again = 0;
onChange(({ ids }) => {
  if (!shown || !ids || again) return;
  const concerns = [...ids].some((id) => id === shown.id || state.messages.get(id)?.to === shown.message.to);
  if (concerns) again = setTimeout(() => { again = 0; reload(); }, 250);
});

export const repaint = () => (shown ? paint(false) : nothing());

// What is chosen, which may be on its way still: reading the old one again must not overtake it.
export function reload() {
  if (state.selected) show(state.selected);
}
