/** Who may import whom (ARCHITECTURE.md). Data flows downwards; each room has one door, its index.ts. */
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matching, text } from './tree.ts';

interface Room {
  /** Rooms it may use. Types of the seam, `drivers/driver.ts`, are for everybody. */
  uses: string[];
  packages: string[];
}

const ROOMS: Record<string, Room> = {
  librsm: { uses: ['api', 'core', 'drivers', 'errors'], packages: [] },
  api: { uses: ['core', 'drivers', 'errors'], packages: [] },
  core: { uses: ['drivers', 'observe', 'native', 'errors'], packages: [] },
  drivers: { uses: ['core', 'node', 'native', 'errors'], packages: [] },
  observe: { uses: ['node', 'native', 'errors'], packages: [] },
  node: { uses: ['core', 'native', 'errors'], packages: ['smol-toml'] },
  native: { uses: ['errors'], packages: [] },
  gateway: {
    uses: ['cluster', 'node', 'native', 'errors'],
    packages: ['@bufbuild/protobuf', 'pino', 'prom-client'],
  },
  cluster: { uses: ['core', 'node', 'errors'], packages: ['@peculiar/x509', 'reflect-metadata'] },
  cli: {
    uses: ['api', 'cluster', 'gateway', 'observe', 'node', 'errors'],
    packages: ['commander', 'cli-progress', 'cli-table3', 'log-update'],
  },
  errors: { uses: [], packages: [] },
};

/** Files of a room that others may import beside its door, and why. */
const SIDE_DOORS = [
  'src/drivers/driver.ts', // the seam: types, and the order of what transfers count
  'src/native/layout.ts', // constants, without loading the addon
  'src/native/record-layout.ts', // the same
  'src/core/constants.ts', // those of the C header: librsm passes them on whole
  'src/observe/channels.ts', // core tells what happens, and needs nothing of what looks
  'src/cluster/identity.ts', // what a certificate says; the door makes them, and loads all that needs
  'src/core/limits.ts', // constants; through the door of core, drivers would import themselves
];

interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const sources = matching(/^src\/.*\.ts$/);
const STATEMENT = /^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const CALL = /\bimport\('([^']+)'\)/g;

function importsOf(from: string): Import[] {
  const code = text(from);
  const statements = [...code.matchAll(STATEMENT)].map(([, type, to]) => ({ to: to!, typeOnly: !!type }));
  const calls = [...code.matchAll(CALL)].map(([, to]) => ({ to: to!, typeOnly: false }));
  return [...statements, ...calls].map((found) => ({ from, ...found }));
}

const imports = sources.flatMap(importsOf);
const between = imports
  .filter(({ to }) => to.startsWith('.'))
  .map((found) => ({ ...found, to: posix.join(posix.dirname(found.from), found.to) }));

function roomOf(file: string): string {
  return file.split('/')[1]!.replace(/\.ts$/, '');
}

describe('rooms', () => {
  test('are those of the table', () => {
    const there = [...new Set(sources.map(roomOf))];
    expect(there.filter((room) => !(room in ROOMS))).toEqual([]);
  });

  test.each(Object.keys(ROOMS))('%s imports only the rooms it may use', (room) => {
    const foreign = between.filter(({ from, to }) => roomOf(from) === room && roomOf(to) !== room);
    const wrong = foreign.filter(
      ({ to, typeOnly }) =>
        !ROOMS[room]!.uses.includes(roomOf(to)) && !(typeOnly && to === 'src/drivers/driver.ts'),
    );
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('are entered through their door', () => {
    const wrong = between.filter(
      ({ from, to, typeOnly }) =>
        roomOf(from) !== roomOf(to) &&
        to !== `src/${roomOf(to)}/index.ts` &&
        to !== 'src/errors.ts' &&
        !SIDE_DOORS.includes(to) &&
        !typeOnly,
    );
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
  });

  test('use only the packages they may, and these are the dependencies', () => {
    const used = imports.filter(({ to }) => !to.startsWith('.') && !to.startsWith('node:'));
    const wrong = used.filter(({ from, to }) => !ROOMS[roomOf(from)]!.packages.includes(to));
    expect(wrong.map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
    const { dependencies } = JSON.parse(text('package.json')) as { dependencies: Record<string, string> };
    expect([...new Set(used.map(({ to }) => to))].sort()).toEqual(Object.keys(dependencies).sort());
  });

  test('hold no file that nothing leads to', () => {
    const entries = ['src/api/index.ts', 'src/librsm/index.ts', 'src/cli/rsm.ts', 'src/observe/index.ts'];
    const reached = new Set(between.map(({ to }) => to));
    // Programs that are started as processes are named by a string.
    const started = (file: string) => {
      const name = `'${posix.basename(file, '.ts')}'`;
      return sources.some((other) => other !== file && text(other).includes(name));
    };
    const dead = sources.filter((file) => !entries.includes(file) && !reached.has(file) && !started(file));
    expect(dead).toEqual([]);
  });
});
