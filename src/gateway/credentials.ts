/** Who this gateway is, and what a peer has to be: TLS 1.3, both sides with a certificate of the authority. */
import { constants, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { nodeOf } from '../cluster/identity.ts';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import type { GatewayConfiguration } from '../node/index.ts';

export interface Credentials {
  tls: Pick<TlsOptions, 'cert' | 'key' | 'ca' | 'minVersion' | 'secureOptions'>;
  expires: Date;
}

/**
 * Reads certificate, key and authority.
 * @throws RsmError BAD_CONF: a file cannot be read, the key is open to others or is another one, the
 *   certificate is of another node or authority
 */
export function readCredentials(
  node: number,
  { certificate, key, authority }: GatewayConfiguration,
): Credentials {
  const [cert, secret, ca] = [certificate, key, authority].map(read) as [string, string, string];
  if ((statSync(key).mode & 0o077) !== 0) throw refused(`${key} is open to other users: chmod 600 ${key}`);
  const own = parse(certificate, cert);
  if (nodeOf({ subjectaltname: own.subjectAltName }) !== node) {
    throw refused(`${certificate} is not the certificate of node ${node}, which [node] says this is`);
  }
  if (!own.verify(parse(authority, ca).publicKey))
    throw refused(`${certificate} is not signed by ${authority}`);
  // Without tickets no session is resumed: each is proved by a certificate that is good then.
  const secureOptions = constants.SSL_OP_NO_TICKET;
  const tls = { cert, key: secret, ca, minVersion: 'TLSv1.3' as const, secureOptions };
  return { tls, expires: new Date(own.validTo) };
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_CONF, 'gateway', (cause as Error).message, { cause });
  }
}

function parse(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new RsmError(RSMERR_BAD_CONF, 'gateway', `${path} is not a certificate in PEM`, { cause });
  }
}

function refused(why: string): RsmError {
  return new RsmError(RSMERR_BAD_CONF, 'gateway', why);
}
