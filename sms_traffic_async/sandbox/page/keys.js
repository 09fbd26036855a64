// The keyboard: everything the mouse does to the list.

import { byId, toast } from "./dom.js";
import { step } from "./list.js";
import { w } from "./words.js";

const typing = (target) => target.closest("input, textarea, select, [contenteditable]");

export function listen({ open, back, reply }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (typing(event.target)) event.target.blur();
      back();
      return;
    }
    if (typing(event.target)) return;
    const onButton = event.target.closest("button, a, summary");
    const actions = {
      j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
      "/": () => byId("query").focus(), r: reply, "?": () => toast(w("keys")),
      Enter: onButton ? null : open,
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
