/**
 * Anything at all as any argument or option of the api: a result, or an RsmError with a code of the table;
 * what the caller's own objects throw comes through; nothing crashes or hangs, and the segment still works.
 */
import { expect, test } from 'vitest';
import * as api from '../../src/api/index.ts';
import { resultCodes } from '../../src/errors.ts';
import { handleValues, plainValues, TRAP } from '../support/hostile.ts';
import { has } from '../support/plane.ts';
import { EXPORTER, holdEnds, IMPORTER, later, openEnd, PAGE, tidy } from '../support/scene.ts';

const states = ['idle', 'published', 'connected', 'mapped', 'aborted', 'closed'] as const;
type State = (typeof states)[number];

interface Stage {
  exporting: api.Controller;
  importing: api.Controller;
  owner: api.ExportSegment;
  importer: api.ImportSegment;
  barrier: api.Barrier;
  id: number;
}

function stage(state: State): Stage {
  const exporting = openEnd('exporting');
  const importing = openEnd('importing');
  const owner = exporting.createExport(api.allocate(PAGE), { allowRebind: true, lockOps: true });
  const other = exporting.createExport(api.allocate(PAGE), { lockOps: true });
  // The importer is of another segment where this one is to be without one.
  const source = state === 'idle' || state === 'published' ? other : owner;
  const id = source.publish();
  if (state === 'published') owner.publish();
  const importer = importing.connectSync({ node: EXPORTER, id });
  const barrier = importer.barrier();
  if (state === 'mapped') importer.map();
  // Waits without limit must come back.
  source.post();
  importer.post();
  if (state === 'aborted') owner.unpublish();
  if (state === 'closed') {
    importer.close();
    owner.close();
  }
  later(() => {
    importer.close();
    owner.close();
    other.close();
  });
  return { exporting, importing, owner, importer, barrier, id };
}

interface Call {
  states: readonly State[];
  /** The call with a hostile value in one place, for each place. */
  places: Record<string, (at: Stage, value: never) => unknown>;
  /** Values left out, with the reason. */
  without?: string[];
}

const any = ['published'] as const;
const ofExport = ['idle', 'published', 'connected', 'closed'] as const;
const ofImport = ['connected', 'mapped', 'aborted', 'closed'] as const;
const bytes = (): Uint8Array => new Uint8Array(8);

const transfer = (name: 'put' | 'get' | 'putAsync' | 'getAsync'): Call => ({
  states: ofImport,
  places: {
    offset: ({ importer }, value) => importer[name](value, bytes()),
    buffer: ({ importer }, value) => importer[name](0, value),
  },
});

const vector = (name: 'putv' | 'getv'): Call => ({
  states: ofImport,
  places: {
    parts: ({ importer }, value) => importer[name](value),
    part: ({ importer }, value) => importer[name]([value]),
    ...Object.fromEntries(
      ['local', 'offset', 'localOffset', 'length', 'source', 'target', 'remoteOffset'].map((field) => [
        field,
        ({ importer }: Stage, value: never) =>
          importer[name]([{ offset: 0, local: bytes(), [field]: value } as never]),
      ]),
    ),
    ...(name === 'putv'
      ? {
          options: ({ importer }: Stage, value: never) => importer.putv([], value),
          post: ({ importer }: Stage, value: never) => importer.putv([], { post: value }),
        }
      : {}),
  },
});

const events = (of: 'owner' | 'importer'): Record<string, Call> => ({
  [`${of}.post`]: {
    states: of === 'owner' ? ofExport : ofImport,
    places: {
      options: (at, value) => at[of].post(value),
      accumulate: (at, value) => at[of].post({ accumulate: value }),
    },
  },
  [`${of}.wait`]: {
    states: ['connected', 'closed'],
    places: {
      options: (at, value) => at[of].wait(value),
      timeoutMs: (at, value) => at[of].wait({ timeoutMs: value }),
      signal: (at, value) => at[of].wait({ signal: value }),
    },
  },
  [`${of}.waitSync`]: {
    states: ['connected', 'closed'],
    places: { timeoutMs: (at, value) => at[of].waitSync(value) },
  },
  [`${of}.events`]: {
    states: ['connected', 'closed'],
    places: {
      options: (at, value) => firstOf(at[of].events(value)),
      signal: (at, value) => firstOf(at[of].events({ signal: value })),
    },
  },
});

const locks = (of: 'owner' | 'importer'): Record<string, Call> => {
  const inStates = of === 'owner' ? (['published', 'closed'] as const) : (['connected', 'aborted'] as const);
  // The other atomic operations are the same with another name.
  return {
    [`${of}.fetchAdd`]: {
      states: inStates,
      places: {
        offset: (at, value) => at[of].fetchAdd(value, 1),
        value: (at, value) => at[of].fetchAdd(8, value),
      },
    },
    [`${of}.compareExchange`]: {
      states: inStates,
      places: {
        offset: (at, value) => at[of].compareExchange(value, 1n, 1n),
        expected: (at, value) => at[of].compareExchange<number>(8, value, 1),
        value: (at, value) => at[of].compareExchange<bigint>(8, 1n, value),
      },
    },
    [`${of}.lock`]: {
      states: inStates,
      places: {
        offset: (at, value) => at[of].lock(value).tryAcquire()?.release(),
        options: (at, value) => at[of].lock(16).acquire(value),
        timeoutMs: (at, value) => at[of].lock(16).acquire({ timeoutMs: value }),
        signal: (at, value) => at[of].lock(16).acquire({ signal: value }),
        'timeoutMs, blocking': (at, value) => at[of].lock(16).acquireSync(value)?.release(),
      },
    },
  };
};

async function firstOf(events: AsyncIterable<void>): Promise<void> {
  for await (const _ of events) return;
}

const calls: Record<string, Call> = {
  openController: {
    states: any,
    places: {
      name: (_, value) => api.openController(value),
      options: (_, value) => api.openController(undefined, value),
      config: (_, value) => api.openController('loopback', { config: value }),
    },
  },
  allocate: {
    states: any,
    places: { bytes: (_, value) => api.release(api.allocate(value)) },
    without: ['2^31', '2^32'], // both are fine where there is the memory
  },
  'allocate, options': {
    states: any,
    places: {
      options: (_, value) => api.release(api.allocate(PAGE, value)),
      huge: (_, value) => api.release(api.allocate(PAGE, { huge: value })),
      lock: (_, value) => api.release(api.allocate(PAGE, { lock: value })),
    },
  },
  mapFile: {
    states: any,
    places: {
      path: (_, value) => api.mapFile(value),
      options: (_, value) => api.mapFile(import.meta.filename, value),
      offset: (_, value) => api.mapFile(import.meta.filename, { offset: value }),
      length: (_, value) => api.mapFile(import.meta.filename, { length: value }),
    },
  },
  attachSystemV: { states: any, places: { shmid: (_, value) => api.attachSystemV(value) } },
  release: { states: any, places: { memory: (_, value) => api.release(value) } },
  createExport: {
    states: any,
    places: {
      memory: ({ exporting }, value) => exporting.createExport(value),
      options: ({ exporting }, value) => exporting.createExport(api.allocate(PAGE), value),
      ...Object.fromEntries(
        ['allowRebind', 'dontWait', 'lockOps', 'readOnly', 'length'].map((option) => [
          option,
          ({ exporting }: Stage, value: never) =>
            exporting.createExport(api.allocate(PAGE), { [option]: value }),
        ]),
      ),
    },
  },
  connect: {
    states: ['published', 'aborted', 'closed'],
    places: {
      target: ({ importing }, value) => importing.connect(value),
      node: ({ importing, id }, value) => importing.connect({ id, node: value }),
      id: ({ importing }, value) => importing.connect({ node: EXPORTER, id: value }),
      mode: ({ importing, id }, value) => importing.connect({ node: EXPORTER, id, mode: value }),
      signal: ({ importing, id }, value) => importing.connect({ node: EXPORTER, id, signal: value }),
    },
  },
  connectSync: {
    states: ['published', 'aborted', 'closed'],
    places: {
      target: ({ importing }, value) => importing.connectSync(value),
      node: ({ importing, id }, value) => importing.connectSync({ id, node: value }),
      id: ({ importing }, value) => importing.connectSync({ node: EXPORTER, id: value }),
      mode: ({ importing, id }, value) => importing.connectSync({ node: EXPORTER, id, mode: value }),
    },
  },
  publish: {
    states: ofExport,
    places: {
      options: ({ owner }, value) => owner.publish(value),
      id: ({ owner }, value) => owner.publish({ id: value }),
      access: ({ owner }, value) => owner.publish({ access: value }),
      entry: ({ owner }, value) => owner.publish({ access: [value] }),
      node: ({ owner }, value) => owner.publish({ access: [{ node: value, permission: 0o600 }] }),
      permission: ({ owner }, value) => owner.publish({ access: [{ node: IMPORTER, permission: value }] }),
    },
  },
  republish: {
    states: ofExport,
    places: {
      access: ({ owner }, value) => owner.republish(value),
      entry: ({ owner }, value) => owner.republish([value]),
      node: ({ owner }, value) => owner.republish([{ node: value, permission: 0o600 }]),
      permission: ({ owner }, value) => owner.republish([{ node: IMPORTER, permission: value }]),
    },
  },
  rebind: { states: ofExport, places: { memory: ({ owner }, value) => owner.rebind(value) } },
  map: {
    states: ofImport,
    places: {
      options: ({ importer }, value) => importer.map(value),
      ...Object.fromEntries(
        ['offset', 'length', 'mode', 'shared'].map((option) => [
          option,
          ({ importer }: Stage, value: never) => importer.map({ [option]: value }),
        ]),
      ),
    },
  },
  put: transfer('put'),
  get: transfer('get'),
  putAsync: transfer('putAsync'),
  getAsync: transfer('getAsync'),
  putv: vector('putv'),
  getv: vector('getv'),
  ...events('owner'),
  ...events('importer'),
  ...locks('owner'),
  ...locks('importer'),
};

const known = new Set<string>([...resultCodes()].map(([, { name }]) => name));
const HANG_MS = 10_000;

/** Where the value is an object whose properties are read: a getter that throws is the caller's own. */
const CONTAINERS = ['options', 'target', 'access'];

/** undefined: all is well. */
async function violation(place: string, call: () => unknown): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, HANG_MS, 'hangs');
  });
  try {
    const result = await Promise.race([call(), late]);
    if (result === 'hangs') return 'hangs';
    const made = result as { close?: () => void } | undefined;
    if (typeof made?.close === 'function') made.close();
    return undefined;
  } catch (error) {
    return fault(place, error);
  } finally {
    clearTimeout(timer);
  }
}

function fault(place: string, error: unknown): string | undefined {
  if (error === TRAP || /revoked/.test(String(error))) return undefined; // the caller's own
  if (CONTAINERS.includes(place) && /incompatible receiver|private member/.test(String(error)))
    return undefined;
  if (!(error instanceof api.RsmError)) return `threw ${error}`;
  if (!known.has(error.code)) return `has the code ${error.code}`;
  return undefined;
}

function stillWorks(): void {
  const { owner, importer } = stage('connected');
  importer.put(3, new Uint8Array([9]));
  expect(new Uint8Array(owner.memory)[3]).toBe(9);
  expect([owner.waitSync(5000), importer.waitSync(5000)]).toEqual([true, true]);
}

const cases = Object.entries(calls).flatMap(([name, call]) =>
  call.states
    .filter((state) => state !== 'mapped' || has('map'))
    .map((state) => [name, state, call] as const),
);

holdEnds();

test.each(cases)('%s, %s: anything as any argument', async (_name, state, { places, without = [] }) => {
  const violations: string[] = [];
  for (const [place, call] of Object.entries(places)) {
    for (const [label, make] of [...plainValues, ...handleValues]) {
      if (without.includes(label)) continue;
      const at = stage(state);
      const value = make();
      const what = await violation(place, () => call(at, value as never));
      if (what) violations.push(`${label} as ${place}: ${what}`);
      await tidy();
    }
  }
  stillWorks();
  await tidy();
  expect(violations).toEqual([]);
});
