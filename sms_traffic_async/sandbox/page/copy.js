// A message as something to paste: Python, curl, a test.

import { h, toast } from "./dom.js";
import { w } from "./words.js";

const python = (text) => JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029]/g, (char) =>
  "\\u" + char.charCodeAt(0).toString(16).padStart(4, "0"));
const shell = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

export function asPython(message) {
  const more = message.from ? `, originator=${python(message.from)}` : "";
  return `await sms.send(${python(message.to)}, ${python(message.text)}${more})`;
}

export function asTest(message) {
  const piece = message.text.slice(0, 30);
  return [
    "async def test_it(sms_inbox):",
    `    message = await sms_inbox.wait_for(to=${python(message.to)}, text=${python(piece)})`,
    `    assert message.text == ${python(message.text)}`,
  ].join("\n");
}

export function asCurl(message) {
  const body = {
    channels: { sms: { message: message.text } },
    ...(message.from ? { originator: message.from } : {}),
    destinations: [{ to: Number(message.to) }],
  };
  return [
    `curl ${location.origin}/v2/send \\`,
    "  -H \"Authorization: Bearer $SMS_TRAFFIC_API_KEY\" \\",
    "  -H 'Content-Type: application/json' \\",
    `  -d ${shell(JSON.stringify(body))}`,
  ].join("\n");
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without the permission: the old way, through a selection.
    const area = h("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast(w("copied"));
}

export const copyButton = (label, text, name) =>
  h("button", { type: "button", class: "copy", "data-copy": name, onclick: () => copy(text()) }, label);
