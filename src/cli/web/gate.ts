/** Who gets in: who asks under a name of this machine, and has the token of the address that was printed. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** As many bits as a key has. */
const TOKEN_BYTES = 24;

/**
 * The names by which a browser on this machine gets here. A page elsewhere whose name was made to point to
 * this machine (DNS rebinding) says its own. The port may be another one: `ssh -L 8000:127.0.0.1:7000`.
 */
const HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;

export function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** Takes the same time wherever they differ, and whatever their lengths. */
export function isSame(token: string, claimed: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(token), digest(claimed));
}

/** Where below the token a request goes; `refused` says why it goes nowhere. */
export type Admission = { path: string } | { refused: string; status: 403 | 405 };

export function admit({ headers, method, url = '' }: IncomingMessage, token: string): Admission {
  if (!HOST.test(headers.host ?? '')) {
    return { status: 403, refused: 'This page answers only to 127.0.0.1 and localhost.' };
  }
  const [, claimed = '', path = ''] = /^\/([^/?#]*)(\/[^?#]*)?/.exec(url) ?? [];
  if (!isSame(token, claimed)) {
    const refused = 'The token in this address is not valid: open the address that rsm top --web printed.';
    return { status: 403, refused };
  }
  if (method !== 'GET') return { status: 405, refused: 'This page can only be read.' };
  return { path };
}
