// The same request as a command line for sh.

/** A word in single quotes, in which sh changes nothing. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** How curl passes the key. The secret is a variable, so that it is in no history. */
function credentials(made, key) {
  const kind = made.credentials?.kind;
  if (kind === "bearer") return ['-H "Authorization: Bearer $KEY_SECRET"'];
  if (kind === "header") return [`-H "${made.credentials.name}: $KEY_SECRET"`];
  if (kind === "basic") return [key.id ? `-u ${quoted(`${key.id}:`)}"$KEY_SECRET"` : '-u "$KEY_ID:$KEY_SECRET"'];
  return [];
}

/** The command. Set KEY_SECRET before it is run. */
export function shellCommand(made, key, origin) {
  const isImplied = made.method === "GET" || (made.method === "POST" && made.body);
  const first = isImplied ? "curl" : `curl -X ${made.method}`;
  const fields = made.headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  const body = made.body ? [`--data-raw ${quoted(made.body)}`] : [];
  return [`${first} ${quoted(origin + made.target)}`, ...credentials(made, key), ...fields, ...body].join(" \\\n  ");
}
