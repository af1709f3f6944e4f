/** What rsm.toml may say: docs/reference/configuration.md is made from this. */
import { isAbsolute } from 'node:path';
import { MAX_NODE_ID } from '../core/limits.ts';
import { net } from './seldom.ts';

/** For people, but for `accepts`. */
export interface Key {
  /** What the value must be. */
  expected: string;
  /** What holds where it is not said; undefined: it must be said. */
  otherwise?: string;
  says: string;
  accepts(value: unknown): boolean;
}

export interface Table {
  /** `[name]`; several of `[[name]]`; or `[name.CHOSEN]` for each CHOSEN that `names` accepts. */
  kind: 'one' | 'list' | 'named';
  /** How it is written, for people. */
  written: string;
  keys: Record<string, Key>;
  names?: RegExp;
}

export const MOST_SEGMENTS = 65_535;

const node: Record<string, Key> = {
  id: {
    ...integer(0, MAX_NODE_ID),
    otherwise: '0',
    says: 'Which node this is. The nodes of a cluster have different ids.',
  },
  runtime: {
    expected: 'an absolute path',
    otherwise: '`/run/rsm` where an administrator made it, else `/tmp/rsm-UID`',
    says: 'The runtime directory: processes that use the same one are a node. `RSM_RUNTIME_DIR` comes first.',
    accepts: (value) => isText(value) && isAbsolute(value),
  },
};

const limits: Record<string, Key> = {
  'max-exported-memory': {
    ...integer(0, 100),
    otherwise: '0',
    says: 'Percent of the physical memory that all processes together may export; 0: no limit.',
  },
  'max-segments': {
    ...integer(0, MOST_SEGMENTS),
    otherwise: String(MOST_SEGMENTS),
    says: 'Export and import segments of all processes together; 0 stands for the default.',
  },
};

const gateway: Record<string, Key> = {
  listen: { ...address(), says: 'Where the gateways of the peers reach this one.' },
  certificate: { ...file(), says: 'Who this node is: X.509, PEM, signed by the authority.' },
  key: { ...file(), says: 'The private key of the certificate; only for the eyes of the gateway.' },
  authority: {
    ...file(),
    says: 'The certificate of the authority of the cluster: who is not signed by it is refused.',
  },
  user: {
    expected: 'the name or the number of a user',
    otherwise: '`root`',
    says: 'Who runs the gateway. Exporters of this node believe nobody else what it says of users of other nodes.',
    accepts: (value) =>
      isText(value) || (Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32 - 1),
  },
  squash: {
    expected: '`none`, `unknown` or `all`',
    otherwise: '`unknown`',
    says:
      'Which users of other nodes are nobody (65534) here: none; root, and those that `/etc/passwd` of this node ' +
      'does not know; or all.',
    accepts: (value) => ['none', 'unknown', 'all'].includes(value as string),
  },
  metrics: {
    expected: 'a loopback address with a port',
    otherwise: 'the socket `gateway-http.s` in the runtime directory',
    says: 'Where the gateway answers `/metrics` and `/healthz` to programs of this machine.',
    accepts: (value) => isLoopback(hostAndPort(value)?.host),
  },
};

const peer: Record<string, Key> = {
  id: { ...integer(0, MAX_NODE_ID), says: 'Which node it is.' },
  address: { ...address(), says: 'Where its gateway listens.' },
};

const controllers: Record<string, Key> = {
  provider: {
    expected: '`auto`, `tcp` or `net`',
    otherwise: '`auto`',
    says: 'Of libfabric. `auto`: tcp, or net where libfabric is older than 1.18. Both understand each other.',
    accepts: (value) => ['auto', 'tcp', 'net'].includes(value as string),
  },
  address: {
    expected: 'an IP address of this node, no wildcard',
    says: 'Where importers of other nodes reach the memory of this one.',
    accepts: (value) => isText(value) && net().isIP(value) !== 0 && !isWildcard(value),
  },
  'trusted-network': {
    expected: '`true` or `false`',
    otherwise: '`false`',
    says:
      'That nobody hostile is on the network of a non-loopback address, or that it is encrypted below: the data ' +
      'path is in the clear. The controller is refused without it.',
    accepts: (value) => typeof value === 'boolean',
  },
};

/** The tables and keys of the file. */
export const TABLES: Record<string, Table> = {
  node: { kind: 'one', written: '[node]', keys: node },
  limits: { kind: 'one', written: '[limits]', keys: limits },
  gateway: { kind: 'one', written: '[gateway]', keys: gateway },
  peer: { kind: 'list', written: '[[peer]]', keys: peer },
  controllers: { kind: 'named', written: '[controllers.ofi0]', keys: controllers, names: /^ofi\d{1,2}$/ },
};

/** `HOST:PORT`, `[IPv6]:PORT`; undefined: it is something else. */
export function hostAndPort(value: unknown): { host: string; port: number } | undefined {
  const [, ipv6, name, digits] =
    /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(isText(value) ? value : '') ?? [];
  const port = Number(digits);
  if (ipv6 !== undefined && net().isIP(ipv6) !== 6) return undefined;
  return digits !== undefined && port > 0 && port < 65_536 ? { host: (ipv6 ?? name)!, port } : undefined;
}

export function isLoopback(host: string | undefined): boolean {
  return (
    host !== undefined &&
    (host === 'localhost' || host === '::1' || (net().isIP(host) === 4 && host.startsWith('127.')))
  );
}

/** Undefined: there is no host. */
function isWildcard(host: string | undefined): boolean | undefined {
  if (host === undefined) return undefined;
  return net().isIP(host) === 4 ? /^[0.]+$/.test(host) : net().isIP(host) === 6 && /^[0:]+$/.test(host);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

function integer(from: number, to: number): Pick<Key, 'expected' | 'accepts'> {
  return {
    expected: `a whole number from ${from} to ${to}`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
  };
}

function address(): Pick<Key, 'expected' | 'accepts'> {
  return {
    expected: 'HOST:PORT, and no wildcard',
    accepts: (value) => isWildcard(hostAndPort(value)?.host) === false,
  };
}

function file(): Pick<Key, 'expected' | 'accepts'> {
  return { expected: 'the path of a file, relative to this one', accepts: isText };
}
