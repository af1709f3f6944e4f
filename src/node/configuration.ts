/**
 * The configuration file of a node: `--config`, else RSM_CONFIG, else /etc/rsm/rsm.toml where it is
 * there. What it may say is drawn in `KEYS`; everything else is refused with file, line and key.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute } from 'node:path';
import { MAX_NODE_ID } from '../core/limits.ts';
import { RSMERR_BAD_CONF, RsmError } from '../errors.ts';

/** Node-wide limits (rsmapi.md 3.8). */
export interface Limits {
  /** Memory that all processes together may export, percent of the machine's; 0: no limit. */
  maxExportedMemoryPercent: number;
  /** Import and export segments of all processes together. */
  maxSegments: number;
}

export interface Configuration {
  nodeId: number;
  /** The runtime directory; undefined: not said. */
  runtime: string | undefined;
  limits: Limits;
}

type Toml = Record<string, unknown>;

/** For people, but for `accepts`. */
interface Key {
  /** What the value must be. */
  expected: string;
  /** What holds where it is not said. */
  otherwise: string;
  says: string;
  accepts(value: unknown): boolean;
}

const SYSTEM_FILE = '/etc/rsm/rsm.toml';
const MOST_SEGMENTS = 65_535;

/** The tables and keys of the file; docs/reference/configuration.md is made from them. */
export const KEYS: Record<string, Record<string, Key>> = {
  node: {
    id: {
      ...integer(0, MAX_NODE_ID),
      otherwise: '0',
      says: 'Which node this is. The nodes of a cluster have different ids.',
    },
    runtime: {
      expected: 'an absolute path',
      otherwise: '`/run/rsm` where an administrator made it, else `/tmp/rsm-UID`',
      says: 'The runtime directory: processes that use the same one are a node. `RSM_RUNTIME_DIR` comes first.',
      accepts: (value) => typeof value === 'string' && isAbsolute(value) && !value.includes('\0'),
    },
  },
  limits: {
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
  },
};

/** Tables of the gateway and of other controllers: theirs to check. */
const OTHER_ROOMS: readonly string[] = ['gateway', 'peer', 'controllers'];

/**
 * Reads the configuration; the defaults where there is no file.
 * @param config the file to read, which then must exist
 * @throws RsmError BAD_CONF: the file cannot be read, is not TOML, or says what it may not
 */
export function readConfiguration(config?: string): Configuration {
  const named = config ?? (process.env.RSM_CONFIG || undefined);
  const file = named ?? SYSTEM_FILE;
  const text = readText(file, named !== undefined);
  if (text === undefined) return configurationOf({});
  const document = parse(file, text);
  check(file, text, document);
  return configurationOf(document as Record<string, Toml | undefined>);
}

function configurationOf({ node = {}, limits = {} }: Record<string, Toml | undefined>): Configuration {
  return {
    nodeId: (node.id as number | undefined) ?? 0,
    runtime: node.runtime as string | undefined,
    limits: {
      maxExportedMemoryPercent: (limits['max-exported-memory'] as number | undefined) ?? 0,
      // 0 stands for the default, as in rsm.conf.
      maxSegments: (limits['max-segments'] as number | undefined) || MOST_SEGMENTS,
    },
  };
}

function readText(file: string, mustExist: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    if (!mustExist && (cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `cannot read ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function parse(file: string, text: string): Toml {
  // Loaded here and not on top: most programs have no file, and the parser costs as much as our addon.
  const toml = createRequire(import.meta.url)('smol-toml') as typeof import('smol-toml');
  try {
    return toml.parse(text);
  } catch (cause) {
    const { line } = cause as { line?: number };
    const [sentence] = (cause as Error).message.split('\n');
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `${file}:${line ?? 1}: ${sentence}`, { cause });
  }
}

function check(file: string, text: string, document: Toml): void {
  const refuse = (table: string, key: string | undefined, why: string): never => {
    const name = key === undefined ? `[${table}]` : `${table}.${key}`;
    const at = `${file}:${lineOf(text, table, key)}`;
    throw new RsmError(RSMERR_BAD_CONF, 'configure', `${at}: ${name} ${why}`);
  };
  for (const [table, content] of Object.entries(document)) {
    if (OTHER_ROOMS.includes(table)) continue;
    const keys = Object.hasOwn(KEYS, table) ? KEYS[table] : undefined;
    if (keys === undefined) refuse(table, undefined, 'is not a table of this file');
    if (typeof content !== 'object' || content === null || Array.isArray(content)) {
      refuse(table, undefined, 'must be a table');
    }
    for (const [key, value] of Object.entries(content as Toml)) {
      const form = keys && Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (form === undefined) refuse(table, key, 'is not a key of this file');
      else if (!form.accepts(value)) refuse(table, key, `must be ${form.expected}`);
    }
  }
}

function integer(from: number, to: number): Pick<Key, 'expected' | 'accepts'> {
  return {
    expected: `a whole number from ${from} to ${to}`,
    accepts: (value) => Number.isInteger(value) && Number(value) >= from && Number(value) <= to,
  };
}

/** The line (from 1) where a key of a table stands; the parser does not keep it. */
function lineOf(text: string, table: string, key: string | undefined): number {
  const quoted = (name: string) => `["']?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}["']?`;
  const header = new RegExp(`^\\s*\\[+\\s*${quoted(table)}[\\s.\\]]`);
  const inTable = key === undefined ? undefined : new RegExp(`^\\s*${quoted(key)}\\s*[.=]`);
  const dotted = new RegExp(`^\\s*${quoted(table)}\\s*[.=]`);
  let inside = false;
  let first = 0;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*\[/.test(line)) inside = header.test(line);
    const starts = inside ? /^\s*\[/.test(line) : dotted.test(line);
    if (first === 0 && starts) first = index + 1;
    if (inside && inTable?.test(line)) return index + 1;
  }
  return first || 1;
}
