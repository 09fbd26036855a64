// The control API of the sandbox, and its stream of changes.

const ROOT = "/_sandbox/";

export class Refused extends Error {}

async function call(method, path, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(ROOT + path, options);
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(value.error || `${response.status} ${response.statusText}`);
  return value;
}

const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== "");
  return given.length ? "?" + new URLSearchParams(given) : "";
};

export const api = {
  get: (path, values = {}) => call("GET", path + query(values)),
  post: (path, body = {}) => call("POST", path, body),
  put: (path, body = {}) => call("PUT", path, body),
  patch: (path, body = {}) => call("PATCH", path, body),
  remove: (path) => call("DELETE", path),
};

// The browser reconnects by itself and says what it has seen (Last-Event-ID); the sandbox sends what was missed.
export function follow(onBatch, onState) {
  const source = new EventSource(ROOT + "events");
  source.onopen = () => onState(true);
  source.onerror = () => onState(false);
  source.onmessage = (event) => onBatch(JSON.parse(event.data));
  return source;
}
