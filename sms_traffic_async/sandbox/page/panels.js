// What can be changed: clock, faults, pushes, numbers, the account; and how to connect.

import { api } from "./api.js";
import { copyButton } from "./copy.js";
import { callRow } from "./detail.js";
import { byId, fill, h, toast } from "./dom.js";
import { clockTime, time } from "./list.js";
import { w } from "./words.js";

const box = byId("panel");
let open = null;

const tried = async (work) => {
  try { await work(); } catch (error) { toast(error.message); }
};

// What somebody typed and did not send yet: a panel that is drawn again keeps it.
const typed = new Map();
box.addEventListener("input", ({ target }) => { if (target.name) typed.set(target.name, target.value); });

const frame = (name, ...content) => {
  const held = box.contains(document.activeElement) ? document.activeElement.name : undefined;
  fill(box,
    h("header", { class: "head" }, h("h2", {}, w(name)),
      h("button", { type: "button", class: "quiet", id: "panel-close", "aria-label": w("close"), onclick: close }, "✕")),
    content);
  for (const [field, value] of typed) {
    const control = box.querySelector(`[name="${field}"]`);
    if (!control) continue;
    control.value = value;
    control.dispatchEvent(new Event("change"));
  }
  if (held) box.querySelector(`[name="${held}"]`)?.focus();
};

const input = (name, attributes = {}) => h("input", { name, autocomplete: "off", ...attributes });
const label = (word, control) => h("label", {}, h("span", {}, word), control);
const select = (name, values, empty) => h("select", { name }, empty === undefined ? null : h("option", { value: "" }, empty),
  values.map((value) => h("option", { value }, value)));

function form(action, ...content) {
  return h("form", { class: "form", onsubmit: (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(event.target));
    const before = new Map(typed);
    typed.clear();
    tried(async () => {
      try { await action(values, event.target); } catch (error) { before.forEach((value, field) => typed.set(field, value)); throw error; }
    });
  } }, content);
}

const given = (values, numbers) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "")
  .map(([name, value]) => [name, numbers.includes(name) ? Number(value) : value]));

async function clockPanel() {
  const [{ now }, pace] = await Promise.all([api.get("clock"), api.get("pace")]);
  const go = (by) => tried(async () => { await api.post("clock/advance", { by }); });
  frame("clock",
    h("p", { class: "big", id: "panel-clock" }, clockTime(now)),
    h("div", { class: "buttons" }, ["10s", "1m", "10m", "1h", "12h", "1d"].map((by) =>
      h("button", { type: "button", "data-advance": by, onclick: () => go(by) }, "+" + by))),
    h("p", { class: "hint" }, w("advanceHint")),
    h("h3", {}, w("pace")),
    form(async (values) => { await api.patch("pace", given(values, Object.keys(pace))); toast(w("saved")); },
      Object.entries(pace).map(([name, value]) => label(name, input(name, { type: "number", step: "any", min: 0, value }))),
      h("button", { type: "submit" }, w("save"))));
}

const OPERATIONS = {
  http: ["send", "statuses", "checked", "account", "report", "download"],
  smpp: ["submit", "bind", "receipt", "inbound"], smtp: ["send"], push: ["push", "inbound"],
};

async function faultsPanel() {
  const [found, { findings }] = await Promise.all([api.get("faults"), api.get("findings")]);
  const again = (work) => tried(async () => { await work(); await faultsPanel(); });
  // Only what can happen to the chosen protocol is offered.
  const effects = h("select", { name: "effect" });
  const operations = h("datalist", { id: "operations" });
  const protocol = select("protocol", Object.keys(found.suits), w("any"));
  const offer = () => {
    const chosen = effects.value || "drop";
    const fitting = found.suits[protocol.value] ?? found.effects;
    fill(effects, fitting.map((kind) => h("option", { value: kind, selected: kind === chosen }, kind)));
    fill(operations, (OPERATIONS[protocol.value] ?? OPERATIONS.http).map((value) => h("option", { value })));
  };
  protocol.addEventListener("change", offer);
  offer();
  frame("faults",
    h("h3", {}, w("profile")),
    h("div", { class: "buttons" }, found.profiles.map((name) => h("button", { type: "button", "data-profile": name,
      onclick: () => again(() => api.put("faults/profile", { name })) }, name))),
    h("h3", {}, w("rules")),
    found.rules.length ? h("ul", { class: "plain rules" }, found.rules.map((rule) => h("li", {},
      h("b", {}, rule.name || rule.effect.kind), " ",
      h("span", { class: "hint" }, [rule.protocol, rule.node && `${w("node")} ${rule.node}`, rule.operation, rule.nth && `n=${rule.nth}`,
        rule.every && `1/${rule.every}`, rule.probability < 1 && `p=${rule.probability}`, rule.times && `≤${rule.times}`]
        .filter(Boolean).join(" · ")),
      h("button", { type: "button", class: "quiet", onclick: () => again(() => api.remove("faults/" + encodeURIComponent(rule.name))) },
        w("remove")))),
    h("button", { type: "button", class: "quiet", onclick: () => again(() => api.remove("faults")) }, w("removeAll")))
      : h("p", { class: "hint" }, w("noRules")),
    form(async (values) => {
      const { effect, when, ...rest } = given(values, ["node", "nth", "every", "probability", "times", "seed"]);
      // Calls to your own server are named by what they tell.
      if (rest.protocol === "push" && !rest.operation && ["drop", "latency"].includes(effect)) rest.operation = "push";
      await api.post("faults", { effect: when ? { kind: effect, when } : effect, ...rest });
      await faultsPanel();
    },
    label(w("protocol"), protocol), label(w("effect"), effects), label(w("when"), select("when", ["before", "after"], w("any"))),
    label(w("node"), select("node", ["1", "2"], w("any"))), label(w("operation"), input("operation", { list: "operations", placeholder: "send" })), operations,
    label(w("nth"), input("nth", { type: "number", min: 1 })), label(w("every"), input("every", { type: "number", min: 1 })),
    label(w("probability"), input("probability", { type: "number", min: 0, max: 1, step: "any" })),
    label(w("times"), input("times", { type: "number", min: 1 })), label(w("seed"), input("seed", { type: "number" })),
    h("button", { type: "submit" }, w("add"))),
    h("h3", {}, `${w("injected")}: ${found.injected}`),
    h("ol", { class: "plain log" }, found.log.slice(-50).reverse().map((one) => h("li", {}, h("time", {}, time(one.at)), " ",
      h("b", {}, one.rule || one.effect.kind), ` ${one.protocol} ${w("node")} ${one.node} ${one.operation} `, h("code", {}, one.request_id)))),
    h("h3", {}, w("findings")),
    findings.length ? h("ol", { class: "plain log" }, findings.slice(-50).reverse().map((one) => h("li", {}, h("time", {}, time(one.at)), " ",
      Object.entries(one).filter(([name]) => name !== "at").map(([, value]) => `${value} `))))
      : h("p", { class: "hint" }, w("noFindings")));
}

async function pushesPanel() {
  const [{ calls }, { accounts }] = await Promise.all([api.get("pushes"), api.get("accounts")]);
  const path = `accounts/${encodeURIComponent(accounts[0].login)}/pushes`;
  const settings = await api.get(path);
  const chosen = (name, values, value) => h("select", { name }, values.map((one) => h("option", { value: one, selected: one === value }, one)));
  frame("pushes",
    form(async (values) => {
      await api.patch(path, {
        statuses: { url: values.statuses_url, form: values.form },
        inbound: { url: values.inbound_url, method: values.method, charset: values.charset },
      });
      toast(w("saved"));
    },
    label(w("statusUrl"), input("statuses_url", { value: settings.statuses.url, placeholder: "http://127.0.0.1:8000/statuses" })),
    label(w("form"), chosen("form", ["json", "form"], settings.statuses.form)),
    label(w("inboundUrl"), input("inbound_url", { value: settings.inbound.url, placeholder: "http://127.0.0.1:8000/inbound" })),
    label(w("method"), chosen("method", ["POST", "GET"], settings.inbound.method)),
    label(w("charset"), chosen("charset", ["windows-1251", "utf-8"], settings.inbound.charset)),
    h("button", { type: "submit" }, w("save"))),
    h("h3", {}, w("attempts")),
    calls.length ? h("ol", { class: "plain calls" }, calls.slice(0, 100).map((call) => callRow(call, pushesPanel))) : h("p", { class: "hint" }, w("noPushes")));
}

async function numbersPanel() {
  const { outcomes } = await api.get("outcomes");
  const courses = [...new Set(outcomes.map((one) => one.course))].sort();
  frame("numbers",
    h("table", {}, h("thead", {}, h("tr", {}, ["suffix", "course", "code", "note"].map((name) => h("th", { scope: "col" }, w(name))))),
      h("tbody", {}, outcomes.map((one) => h("tr", {}, h("td", {}, h("code", {}, "…" + one.suffix)), h("td", {}, one.course),
        h("td", {}, one.code || ""), h("td", { class: "hint" }, one.note))))),
    form(async (values) => { await api.post("outcomes", given(values, ["code"])); await numbersPanel(); },
      label(w("suffix"), input("suffix", { required: true, pattern: "[0-9]{1,15}", inputmode: "numeric" })),
      label(w("course"), select("course", courses)), label(w("code"), input("code", { type: "number", min: 0 })),
      h("button", { type: "submit" }, w("add"))));
}

const fact = (name, value) => [h("dt", {}, w(name)), h("dd", {}, value)];

async function accountPanel() {
  const { accounts } = await api.get("accounts");
  frame("account", accounts.map((account) => h("section", {},
    h("h3", { class: "name" }, account.login),
    form(async (values) => {
      await api.patch("accounts/" + encodeURIComponent(account.login), {
        balance: values.balance, credit: values.credit, price: values.price, default_originator: values.default_originator,
        originators: values.originators.split(",").map((name) => name.trim()).filter(Boolean),
        any_originator: values.any_originator === "on", blocked: values.blocked.split(",").map((number) => number.trim()).filter(Boolean),
      });
      toast(w("saved"));
    },
    label(w("balance"), input("balance", { value: account.balance, inputmode: "decimal" })),
    label(w("credit"), input("credit", { value: account.credit, inputmode: "decimal" })),
    label(w("price"), input("price", { value: account.price, inputmode: "decimal" })),
    label(w("originators"), input("originators", { value: account.originators.join(", ") })),
    label(w("defaultOriginator"), input("default_originator", { value: account.default_originator })),
    label(w("anyOriginator"), input("any_originator", { type: "checkbox", checked: account.any_originator })),
    label(w("blocked"), input("blocked", { value: account.blocked.join(", "), inputmode: "numeric" })),
    h("button", { type: "submit" }, w("save"))),
    h("dl", {}, fact("smppRate", account.smpp_rate ?? w("usual")), account.allowed_ips.length ? fact("allowedIps", account.allowed_ips.join(", ")) : null),
    h("h3", {}, w("departments")),
    account.departments.length ? h("ul", { class: "plain entries" }, account.departments.map((one) => h("li", {}, h("b", {}, one.login), h("dl", {},
      one.system_id === one.login ? null : fact("system_id", one.system_id), fact("roles", one.roles.join(", ") || w("none"))))))
      : h("p", { class: "hint" }, w("noDepartments")),
    h("h3", {}, w("tokens")),
    account.tokens.length ? h("ul", { class: "plain entries" }, account.tokens.map((one) => h("li", {}, h("code", {}, one.public + "/…"), h("dl", {},
      fact("login", one.login), fact("permissions", one.permissions.join(", ") || w("none")),
      fact("rate", one.rate ? `${one.rate.count} / ${one.rate.seconds} s` : w("usual"))))))
      : h("p", { class: "hint" }, w("none")))));
}

async function connectPanel() {
  const { environment, addresses } = await api.get("connect");
  const lines = Object.entries(environment).map(([name, value]) => `export ${name}=${value}`).join("\n");
  frame("connect",
    h("h3", {}, w("environment")), h("pre", { class: "code" }, lines), copyButton(w("copy"), () => lines, "environment"),
    h("h3", {}, w("url")), h("dl", {}, Object.entries(addresses).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])));
}

const PANELS = { clock: clockPanel, faults: faultsPanel, pushes: pushesPanel, numbers: numbersPanel, account: accountPanel, connect: connectPanel };

export function toggle(name) {
  if (open === name) return close();
  typed.clear();
  open = name;
  box.hidden = false;
  mark();
  tried(async () => { await PANELS[name](); byId("panel-close")?.focus(); });
}

export function close() {
  const name = open;
  typed.clear();
  open = null;
  box.hidden = true;
  mark();
  if (name) document.querySelector(`[data-panel="${name}"]`)?.focus();
}

export const isOpen = () => open !== null;

const mark = () => document.querySelectorAll("[data-panel]").forEach((button) =>
  button.setAttribute("aria-expanded", String(button.dataset.panel === open)));

// What a panel shows is read again when the sandbox says that it changed, but never under somebody's fingers.
export function heard(topics) {
  const concerns = { faults: "faults", findings: "faults", pushes: "pushes", outcomes: "numbers", accounts: "account" };
  if (open && topics.some((topic) => concerns[topic] === open) && !box.contains(document.activeElement?.closest("input, select"))) {
    tried(PANELS[open]);
  }
}

export const repaint = () => { if (open) tried(PANELS[open]); };
