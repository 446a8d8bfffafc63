// Builds a request from what was filled in. The key is added only when the request is sent.

/** How a route receives the key: `basic`, `bearer`, or `header` with the name of the field. */
function credentials(api, operation) {
  const [name] = Object.keys((operation.security || [{}])[0] || {});
  const scheme = name && api.components.securitySchemes[name];
  if (!scheme) return null;
  if (scheme.type === "apiKey") return { kind: "header", name: scheme.name };
  return { kind: scheme.scheme };
}

/**
 * A request. `values` are [parameter, value] pairs; empty values are left out. The target begins with a slash, and the header
 * fields do not contain the key.
 */
export function request(api, { method, path, operation }, values, mediaType, body) {
  let target = path;
  const query = new URLSearchParams();
  const headers = [];
  for (const [parameter, value] of values) {
    const { in: place, name } = parameter;
    if (place === "path") target = target.replace(`{${name}}`, () => encodeURIComponent(value));
    else if (value === "") continue;
    else if (place === "query") query.append(name, value);
    else headers.push([name, value]);
  }
  if (body) headers.push(["content-type", mediaType]);
  const asked = query.toString();
  return {
    method: method.toUpperCase(),
    target: asked ? `${target}?${asked}` : target,
    headers,
    body: body || null,
    credentials: credentials(api, operation),
  };
}

/** The header field with the key, as a list of at most one. */
function keyField(credentials, key) {
  if (!credentials || !key.secret) return [];
  if (credentials.kind === "header") return [[credentials.name, key.secret]];
  if (credentials.kind === "bearer") return [["authorization", `Bearer ${key.secret}`]];
  const bytes = new TextEncoder().encode(`${key.id}:${key.secret}`);
  return [["authorization", `Basic ${btoa(String.fromCharCode(...bytes))}`]];
}

/** Sends a request with a key. Throws an error with a clear sentence if there is no response. */
export async function send(made, key, signal) {
  if (made.credentials?.kind === "basic" && key.secret && !key.id) {
    throw new Error("This route also needs the id of the key. Write ID:SECRET in the field “API key”.");
  }
  let headers;
  try {
    headers = new Headers([...made.headers, ...keyField(made.credentials, key)]);
  } catch {
    throw new Error("A header field has a character that HTTP does not allow there. Use letters, digits and ASCII signs.");
  }
  try {
    return await fetch(made.target, { method: made.method, headers, body: made.body, credentials: "omit", cache: "no-store", signal });
  } catch (error) {
    if (error.name === "AbortError") throw new Error(stopped(made));
    throw new Error(`The server did not answer. ${unsure(made)}Check that it is running and that this page can reach it.`);
  }
}

/** What to say when a request was stopped on this side. */
export function stopped(made) {
  return `Stopped. ${unsure(made)}`.trim();
}

function unsure(made) {
  if (made.method === "GET") return "";
  return "The request may still have had an effect. To repeat it safely, use the same Idempotency-Key. ";
}
