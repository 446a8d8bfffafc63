// Verifies webhooks as a receiver does: by the official library, and by ed25519 as the specification describes it.
// Reads a JSON array of {secret, public, headers, body} from stdin; `public` instead of `secret` for ed25519.

import { createRequire } from 'node:module';
import { createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { Webhook, WebhookVerificationError } = createRequire(process.env.LIBRARY + '/')('standardwebhooks');

function isSigned(key, headers, body) {
  // The public key of ed25519, as DER: a fixed prefix and 32 bytes.
  const bytes = Buffer.from(key.replace('whpk_', ''), 'base64');
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes]);
  const spki = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  return headers['webhook-signature'].split(' ').some((signature) => {
    const [version, value] = signature.split(',');
    return version === 'v1a' && verify(null, Buffer.from(signed), spki, Buffer.from(value, 'base64'));
  });
}

for (const { secret, public: key, headers, body } of JSON.parse(readFileSync(0, 'utf8'))) {
  const changed = body.replace('"', "'");
  if (key) {
    if (!isSigned(key, headers, body) || isSigned(key, headers, changed)) throw new Error(body);
    continue;
  }
  const library = new Webhook(secret);
  library.verify(body, headers);
  try {
    library.verify(changed, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) continue;
  }
  throw new Error(`taken although it was changed: ${body}`);
}
console.log('done');
