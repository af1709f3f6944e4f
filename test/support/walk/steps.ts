/** The steps of the random walk: each makes one call in a process and asks the model what must come of it. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { describeResult } from '../../../src/errors.ts';
import { until } from '../actors.ts';
import { ALICE, BOB, root } from '../scene.ts';
import { Actor } from './actor.ts';
import * as walk from './model.ts';

const IDS = [0x600020, 0x600021, 0x600022, 0x600023, 0x600024];
const PERMISSIONS = [undefined, 0o666, 0o644, 0o600, 0o444, 0o622];
/** Where there is no access list; the peers have the umask of this process. */
const DEFAULT_PERMISSION = 0o777 & ~process.umask();
const MODES = [0o400, 0o200, 0o600];

const own = process.getuid?.() ?? 0;
export const ACTORS: Actor[] = [
  new Actor('first', root ? ALICE : own),
  new Actor('second', root ? BOB : own),
  new Actor('third', root ? ALICE : own),
];
const SLOTS = 3;

export type Step = fc.AsyncCommand<walk.Model, undefined>;
type Needs = 'export' | 'import' | 'no export' | 'no import';

/** Where a segment of either kind may be: a slot of an actor. */
interface Place {
  name: string;
  actor: Actor;
  slot: number;
}

const PLACES: Place[] = ACTORS.flatMap((actor) =>
  Array.from({ length: SLOTS }, (_, slot) => ({ name: `${actor.name}:${slot}`, actor, slot })),
);

function placesWith(model: walk.Model, needs: Needs): Place[] {
  const there = needs.endsWith('export') ? model.exports : model.imports;
  return PLACES.filter(({ name }) => there.has(name) !== needs.startsWith('no'));
}

/** A step at one of the places where the call is legal; `pick` says at which. */
function step(
  name: string,
  pick: number,
  needs: Needs,
  run: (model: walk.Model, place: Place) => Promise<void>,
): Step {
  return {
    check: (model) => placesWith(model, needs).length > 0,
    run: async (model) => {
      const places = placesWith(model, needs);
      await run(model, places[pick % places.length]!);
    },
    toString: () => `${name} @${pick}`,
  };
}

/** How often each call gave each result: a walk that never gets anywhere would agree with anything. */
export const tally: Map<string, number> = new Map();

async function agree(name: string, found: number | Promise<number>, predicted: number): Promise<void> {
  const result = await found;
  expect(result, name).toBe(predicted);
  const entry = `${name}: ${result === 0 ? 'done' : (describeResult(result)?.name ?? result)}`;
  tally.set(entry, (tally.get(entry) ?? 0) + 1);
}

const pick = fc.nat(1_000);
const word = fc.integer({ min: 1, max: 0xffffffff });
const page = fc.nat(walk.PAGES - 1);
const memory = fc.constantFrom(0 as const, 1 as const);
const id = fc.constantFrom(...IDS);
const permission = fc.constantFrom(...PERMISSIONS);
const exportAt = (model: walk.Model, place: Place): walk.ExportModel => model.exports.get(place.name)!;
const importAt = (model: walk.Model, place: Place): walk.ImportModel => model.imports.get(place.name)!;

const create = fc.tuple(pick, fc.tuple(word, word)).map(([n, fill]) =>
  step(`create ${fill}`, n, 'no export', async (model, { name, actor, slot }) => {
    await agree('create', actor.create(slot, fill, walk.PAGES), walk.create(model, name, actor.uid, fill));
  }),
);
const destroy = pick.map((n) =>
  step('destroy', n, 'export', async (model, { name, actor, slot }) => {
    await agree('destroy', actor.destroy(slot), walk.destroy(model, name));
  }),
);
const publish = fc.tuple(pick, id, permission).map(([n, wanted, bits]) =>
  step(`publish ${wanted} ${bits?.toString(8)}`, n, 'export', async (model, place) => {
    const predicted = walk.publish(model, exportAt(model, place), wanted, bits ?? DEFAULT_PERMISSION);
    await agree('publish', place.actor.publish(place.slot, wanted, bits, false), predicted);
  }),
);
const republish = fc.tuple(pick, permission).map(([n, bits]) =>
  step(`republish ${bits?.toString(8)}`, n, 'export', async (model, place) => {
    const predicted = walk.republish(exportAt(model, place), bits ?? DEFAULT_PERMISSION);
    await agree('republish', place.actor.publish(place.slot, 0, bits, true), predicted);
  }),
);
const unpublish = pick.map((n) =>
  step('unpublish', n, 'export', async (model, place) => {
    await agree(
      'unpublish',
      place.actor.unpublish(place.slot),
      walk.unpublish(model, exportAt(model, place)),
    );
  }),
);
const rebind = fc.tuple(pick, memory).map(([n, index]) =>
  step(`rebind ${index}`, n, 'export', async (model, place) => {
    await agree('rebind', place.actor.rebind(place.slot, index), walk.rebind(exportAt(model, place), index));
  }),
);
const set = fc.tuple(pick, memory, page, word).map(([n, index, where, value]) =>
  step(`set ${index} ${where} ${value}`, n, 'export', async (model, place) => {
    await place.actor.set(place.slot, index, where, value);
    exportAt(model, place).memories[index][where] = value;
  }),
);
const memories = pick.map((n) =>
  step('memories', n, 'export', async (model, place) => {
    const found = await place.actor.memories(place.slot);
    expect(found, 'memory of the exporter').toEqual(exportAt(model, place).memories);
  }),
);
const postToImporters = pick.map((n) =>
  step('post to importers', n, 'export', async (model, place) => {
    const predicted = walk.postToImporters(model, exportAt(model, place));
    await agree('post of an exporter', place.actor.post('exports', place.slot), predicted);
  }),
);
const takeAsExporter = pick.map((n) =>
  step('wait(0) of an exporter', n, 'export', async (model, place) => {
    const predicted = walk.take(exportAt(model, place));
    await agree('wait of an exporter', place.actor.take('exports', place.slot), predicted);
  }),
);

/** Mostly an id that is published: `n` picks among those and one of all. */
function idFor(model: walk.Model, n: number): number {
  const published = [...model.exports.values()].flatMap((segment) => segment.id ?? []);
  return [...published, IDS[n % IDS.length]!][n % (published.length + 1)]!;
}
const connect = fc.tuple(pick, pick, fc.constantFrom(...MODES)).map(([n, which, mode]) =>
  step(`connect ${which} ${mode.toString(8)}`, n, 'no import', async (model, { name, actor, slot }) => {
    const wanted = idFor(model, which);
    const predicted = walk.connect(model, name, actor.uid, wanted, mode);
    await agree('connect', actor.connect(slot, wanted, mode), predicted);
  }),
);
const disconnect = pick.map((n) =>
  step('disconnect', n, 'import', async (model, { name, actor, slot }) => {
    await agree('disconnect', actor.disconnect(slot), walk.disconnect(model, name));
  }),
);
const map = fc.tuple(pick, fc.boolean()).map(([n, whole]) =>
  step(`map ${whole ? 'whole' : 'second page'}`, n, 'import', async (model, place) => {
    const segment = importAt(model, place);
    const predicted = walk.map(segment, whole ? 'whole' : 'second page');
    const { actor, slot } = place;
    await agree('map', actor.map(slot, segment.mode, whole ? 0 : 4096, whole ? 8192 : 4096), predicted);
  }),
);
const unmap = pick.map((n) =>
  step('unmap', n, 'import', async (model, place) => {
    await agree('unmap', place.actor.unmap(place.slot), walk.unmap(importAt(model, place)));
  }),
);
const put = fc.tuple(pick, page, word).map(([n, where, value]) =>
  step(`put ${where} ${value}`, n, 'import', async (model, place) => {
    const segment = importAt(model, place);
    const predicted = walk.transfer(segment, where, walk.WRITE);
    await agree('put', place.actor.put(place.slot, where, value), predicted);
    if (predicted === 0) walk.memoryOf(segment)[where] = value;
  }),
);
const get = fc.tuple(pick, page).map(([n, where]) =>
  step(`get ${where}`, n, 'import', async (model, place) => {
    const segment = importAt(model, place);
    const predicted = walk.transfer(segment, where, walk.READ);
    const { code, value } = await place.actor.get(place.slot, where);
    await agree('get', code, predicted);
    if (predicted === 0) expect(value, 'the word got').toBe(walk.memoryOf(segment)[where]);
  }),
);
const loadOrStore = fc.tuple(pick, page, fc.option(word)).map(([n, where, value]) =>
  step(`touch ${where} ${value}`, n, 'import', (model, place) => {
    return touch(importAt(model, place), place, where, value ?? undefined);
  }),
);
const postToExporter = pick.map((n) =>
  step('post to the exporter', n, 'import', async (model, place) => {
    const predicted = walk.postToExporter(importAt(model, place));
    await agree('post of an importer', place.actor.post('imports', place.slot), predicted);
  }),
);
const takeAsImporter = pick.map((n) =>
  step('wait(0) of an importer', n, 'import', async (model, place) => {
    const predicted = walk.take(importAt(model, place));
    await agree('wait of an importer', place.actor.take('imports', place.slot), predicted);
  }),
);

/** Loads and stores through an explicit mapping: never a fault; what they do when nothing is broken. */
async function touch(
  segment: walk.ImportModel,
  { actor, slot }: Place,
  where: number,
  value: number | undefined,
): Promise<void> {
  const { mapped, mode, aborted } = segment;
  if (mapped !== 'whole' && mapped !== 'second page') return;
  // A store through a read-only mapping freezes that page for this importer; the walk leaves it alone.
  const stored = (mode & walk.WRITE) === 0 ? undefined : value;
  const seen = await actor.touch(slot, mapped === 'whole' ? where : 0, stored);
  const words = walk.memoryOf(segment);
  const target = mapped === 'whole' ? where : 1;
  if (stored !== undefined && !aborted) words[target] = stored;
  await agree(stored === undefined ? 'load' : 'store', aborted || seen === words[target] ? 0 : 1, 0);
}

const killing: fc.Arbitrary<Step> = fc

  .record({
    actor: fc.constantFrom(...ACTORS),
    signal: fc.constantFrom('SIGKILL' as const, 'SIGTERM' as const),
  })
  .map(({ actor, signal }) => ({
    check: () => true,
    run: async (model: walk.Model) => {
      await actor.kill(signal);
      walk.kill(model, actor.name);
      // The others learn of it in a moment: the end of the connection is all there is.
      for (const place of placesWith(model, 'import')) {
        if (importAt(model, place).aborted) await until(() => place.actor.broken(place.slot));
      }
      await actor.start();
    },
    toString: () => `${signal} ${actor.name}`,
  }));

// Weights by repetition: most steps use what is there, few end anything.
const transfers = [put, get, loadOrStore, rebind, set];
const eventSteps = [postToImporters, takeAsExporter, postToExporter, takeAsImporter];
const makers = [create, publish, publish, connect, connect, connect, map];
const enders = [destroy, unpublish, republish, disconnect, unmap, memories];
const living = [
  ...makers,
  ...makers,
  ...transfers,
  ...transfers,
  ...transfers,
  ...eventSteps,
  ...eventSteps,
  ...enders,
];
export const steps: fc.Arbitrary<Step>[] = [...living, ...living, killing];
