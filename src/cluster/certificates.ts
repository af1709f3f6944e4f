/** X.509 of a cluster: an authority of its own, and a certificate that says which node its holder is. */
import 'reflect-metadata'; // the next one needs it to be there first
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { nodeName } from './identity.ts';

/** PEM. */
export interface Issued {
  certificate: string;
  key: string;
  expires: Date;
}

const CURVE = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Not for ever: a copied key is one that nobody misses. */
export const NODE_DAYS = 730;
/** Clocks of machines differ. */
const EARLIER_MS = DAY_MS;
const CLIENT_AND_SERVER = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];

x509.cryptoProvider.set(webcrypto);

/** A new authority. Its name is its own, so that certificates of two clusters are told apart. */
export async function makeAuthority(): Promise<Issued> {
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(AUTHORITY_DAYS),
    name: `CN=rsm cluster ${randomBytes(4).toString('hex')}`,
    keys,
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await issued(certificate, keys);
}

/**
 * A certificate for a node, signed by the authority.
 * @param days how long it is good for
 */
export async function issueCertificate(
  authority: { certificate: string; key: string },
  node: number,
  days: number = NODE_DAYS,
): Promise<Issued> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await makeKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(days),
    subject: `CN=${nodeName(node)}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await readKey(authority.key),
    signingAlgorithm: CURVE,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(CLIENT_AND_SERVER),
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: nodeName(node) }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return await issued(certificate, keys);
}

function validity(days: number): { notBefore: Date; notAfter: Date; serialNumber: string } {
  const now = Date.now();
  const notBefore = new Date(Math.min(now, now + days * DAY_MS) - EARLIER_MS);
  // The first bit would make it negative.
  const serialNumber = `4${randomBytes(16).toString('hex').slice(1)}`;
  return { notBefore, notAfter: new Date(now + days * DAY_MS), serialNumber };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await webcrypto.subtle.generateKey(CURVE, true, ['sign', 'verify']);
}

async function readKey(pem: string): Promise<webcrypto.CryptoKey> {
  const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' });
  return await webcrypto.subtle.importKey('pkcs8', pkcs8, CURVE, false, ['sign']);
}

async function issued(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair): Promise<Issued> {
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    certificate: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')}\n`,
    expires: certificate.notAfter,
  };
}
