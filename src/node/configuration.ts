/**
 * The configuration file of a node: `--config`, else RSM_CONFIG, else /etc/rsm/rsm.toml where it is
 * there. What it may say is drawn in `keys.ts`; everything else is refused with file, line and key.
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';
import { hostAndPort, isLoopback, type Key, MOST_SEGMENTS, TABLES } from './keys.ts';
import { requireFrom } from './seldom.ts';
import { checkShortage } from './shortage.ts';
import { lineOf } from './toml-lines.ts';
import { uidOf } from './users.ts';

/** Node-wide limits (rsmapi.md 3.8). */
export interface Limits {
  /** Memory that all processes together may export, percent of the machine's; 0: no limit. */
  maxExportedMemoryPercent: number;
  /** Import and export segments of all processes together. */
  maxSegments: number;
}

export interface Address {
  host: string;
  port: number;
}

/** `[gateway]`. */
export interface GatewayConfiguration {
  listen: Address;
  /** Absolute paths. */
  certificate: string;
  key: string;
  authority: string;
  uid: number;
  squash: 'none' | 'unknown' | 'all';
  /** Undefined: a socket in the runtime directory. */
  metrics: Address | undefined;
}

/** `[[peer]]`: another node of the cluster. */
export interface Peer {
  id: number;
  address: Address;
}

/** `[controllers.ofi0]`. */
export interface ControllerConfiguration {
  name: string;
  provider: 'auto' | 'tcp' | 'net';
  address: string;
  trustedNetwork: boolean;
}

export interface Configuration {
  nodeId: number;
  /** The runtime directory; undefined: not said. */
  runtime: string | undefined;
  limits: Limits;
  /** Undefined: the node is in no cluster. */
  gateway: GatewayConfiguration | undefined;
  peers: Peer[];
  /** Of the interconnect, by name. */
  controllers: ControllerConfiguration[];
}

type Toml = Record<string, unknown>;

const SYSTEM_FILE = '/etc/rsm/rsm.toml';

/** Where something stands in the file, to complain about it. */
interface Place {
  /** Of the table: `['controllers', 'ofi0']`. */
  path: string[];
  /** Which one of a list. */
  index: number;
  content: Toml;
}

/**
 * Reads the configuration; the defaults where there is no file.
 * @param config the file to read, which then must exist
 * @throws RsmError BAD_CONF: the file cannot be read, is not TOML, or says what it may not;
 *   INSUFFICIENT_RESOURCES: descriptors
 */
export function readConfiguration(config?: string): Configuration {
  const named = configurationFile(config);
  const file = named ?? SYSTEM_FILE;
  const text = readText(file, named !== undefined);
  if (text === undefined) return configurationOf({}, dirname(file));
  const document = parse(file, text);
  const refuse = refusal(file, text);
  checkTables(document, refuse);
  checkCluster(document, refuse);
  return configurationOf(document, dirname(resolve(file)));
}

/** The file that the program or RSM_CONFIG names; undefined: the system's, where it is there. */
export function configurationFile(config?: string): string | undefined {
  return config ?? (process.env.RSM_CONFIG || undefined);
}

function configurationOf(document: Toml, folder: string): Configuration {
  const { node = {}, limits = {}, gateway } = document as Record<string, Toml | undefined>;
  return {
    nodeId: (node.id as number | undefined) ?? 0,
    runtime: node.runtime as string | undefined,
    limits: {
      maxExportedMemoryPercent: (limits['max-exported-memory'] as number | undefined) ?? 0,
      // 0 stands for the default, as in rsm.conf.
      maxSegments: (limits['max-segments'] as number | undefined) || MOST_SEGMENTS,
    },
    gateway: gateway && gatewayOf(gateway, folder),
    peers: placesOf(document, 'peer').map(({ content: { id, address } }) => ({
      id: id as number,
      address: hostAndPort(address)!,
    })),
    controllers: placesOf(document, 'controllers').map(({ path: [, name], content }) => ({
      name: name!,
      provider: (content.provider as ControllerConfiguration['provider'] | undefined) ?? 'auto',
      address: content.address as string,
      trustedNetwork: (content['trusted-network'] as boolean | undefined) ?? false,
    })),
  };
}

function gatewayOf(gateway: Toml, folder: string): GatewayConfiguration {
  const path = (name: string) => resolve(folder, gateway[name] as string);
  return {
    listen: hostAndPort(gateway.listen)!,
    certificate: path('certificate'),
    key: path('key'),
    authority: path('authority'),
    uid: uidOf(gateway.user as string | number | undefined)!,
    squash: (gateway.squash as GatewayConfiguration['squash'] | undefined) ?? 'unknown',
    metrics: hostAndPort(gateway.metrics),
  };
}

function readText(file: string, mustExist: boolean): string | undefined {
  try {
    const stats = statSync(file, { throwIfNoEntry: mustExist });
    if (stats === undefined) return undefined;
    // Of a pipe or a device the end may never come.
    if (!stats.isFile()) throw new Error('it is not a regular file');
    return readFileSync(file, 'utf8');
  } catch (cause) {
    checkShortage('configure', cause);
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function parse(file: string, text: string): Toml {
  // Loaded here and not on top: most programs have no file, and the parser costs as much as our addon.
  const toml = requireFrom(import.meta.url)('smol-toml') as typeof import('smol-toml');
  try {
    return toml.parse(text);
  } catch (cause) {
    const { line } = cause as { line?: number };
    const [sentence] = (cause as Error).message.split('\n');
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `${file}:${line ?? 1}: ${sentence}`, { cause });
  }
}

type Refuse = (place: Omit<Place, 'content'>, key: string | undefined, why: string) => never;

function refusal(file: string, text: string): Refuse {
  return ({ path, index }, key, why) => {
    const name = key === undefined ? `[${path.join('.')}]` : `${path.join('.')}.${key}`;
    const at = `${file}:${lineOf(text, path, index, key)}`;
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `${at}: ${name} ${why}`);
  };
}

function checkTables(document: Toml, refuse: Refuse): void {
  for (const name of Object.keys(document)) {
    const at = { path: [name], index: 0 };
    if (!Object.hasOwn(TABLES, name)) refuse(at, undefined, 'is not a table of this file');
    const { kind, names, written } = TABLES[name]!;
    if (Array.isArray(document[name]) !== (kind === 'list') || !isTable(document[name])) {
      refuse(at, undefined, kind === 'list' ? `must be a list of tables: ${written}` : 'must be a table');
    }
    for (const place of placesOf(document, name)) {
      const chosen = place.path[1];
      if (chosen !== undefined && !names!.test(chosen))
        refuse(place, undefined, `is none that there is: ${written} is`);
      if (!isTable(place.content)) refuse({ ...place, path: [name] }, chosen, 'must be a table');
      checkKeys(place, TABLES[name]!.keys, refuse);
    }
  }
}

function checkKeys(place: Place, keys: Record<string, Key>, refuse: Refuse): void {
  for (const [name, value] of Object.entries(place.content)) {
    if (!Object.hasOwn(keys, name)) refuse(place, name, 'is not a key of this file');
    const { accepts, expected } = keys[name]!;
    if (!accepts(value)) refuse(place, name, `must be ${expected}`);
  }
  for (const [name, { otherwise, expected }] of Object.entries(keys)) {
    if (otherwise === undefined && !Object.hasOwn(place.content, name)) {
      refuse(place, undefined, `must have the key ${name}: ${expected}`);
    }
  }
}

/** What several tables say together. */
function checkCluster(document: Toml, refuse: Refuse): void {
  const { node = {}, gateway } = document as Record<string, Toml | undefined>;
  const user = gateway?.user as string | undefined;
  if (gateway && uidOf(user) === undefined) {
    refuse({ path: ['gateway'], index: 0 }, 'user', `must be a user of this machine; it has no '${user}'`);
  }
  const ids = new Set<unknown>([node.id ?? 0]);
  for (const place of placesOf(document, 'peer')) {
    const { id } = place.content;
    if (!gateway) refuse(place, undefined, 'is nothing without [gateway], which reaches it');
    if (ids.has(id)) refuse(place, 'id', `is ${id}, as another node is: give each an id of its own`);
    ids.add(id);
  }
  for (const place of placesOf(document, 'controllers')) {
    const { address, 'trusted-network': trusted } = place.content;
    if (!gateway) refuse(place, undefined, 'is nothing without [gateway], through which it connects');
    if (!isLoopback(address as string) && !trusted) {
      const why = 'is reachable from other machines, and the data path is in the clear';
      refuse(
        place,
        'address',
        `${why}: say trusted-network = true if nobody hostile is there (docs/guide/security.md)`,
      );
    }
  }
}

/** The tables of a name: none, one, those of a list, or the named ones. */
function placesOf(document: Toml, name: string): Place[] {
  const found = document[name] as Toml | Toml[] | undefined;
  if (found === undefined) return [];
  if (Array.isArray(found)) return found.map((content, index) => ({ path: [name], index, content }));
  if (TABLES[name]!.kind === 'one') return [{ path: [name], index: 0, content: found }];
  return Object.entries(found).map(([chosen, content]) => {
    return { path: [name, chosen], index: 0, content: content as Toml };
  });
}

function isTable(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
