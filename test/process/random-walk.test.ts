/**
 * A random walk over several exporters and importers, in processes of different users: every result code,
 * every word of memory and every event is compared with a model (test/support/walk/model.ts).
 *
 * RSM_WALK_SECONDS is how long it walks (60). A failure prints seed and path; RSM_WALK_SEED and
 * RSM_WALK_PATH walk that way again.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/actors.ts';
import { ALICE, BOB, root } from '../support/scene.ts';
import { Actor } from '../support/walk/actor.ts';
import * as walk from '../support/walk/model.ts';

const SECONDS = Number(process.env.RSM_WALK_SECONDS ?? 60);
const STEPS_OF_A_WALK = 120;
const IDS = [0x600020, 0x600021, 0x600022];
const PERMISSIONS = [undefined, 0o666, 0o644, 0o600, 0o444, 0o622];
/** Where there is no access list: 0777 and the umask of the peers, 022. */
const DEFAULT_PERMISSION = 0o755;
const MODES = [0o400, 0o200, 0o600];

const own = process.getuid?.() ?? 0;
const ACTORS = [
  new Actor('first', root ? ALICE : own),
  new Actor('second', root ? BOB : own),
  new Actor('third', root ? ALICE : own),
];
const SLOTS = 2;

type Step = fc.AsyncCommand<walk.Model, undefined>;

/** A step at one place: an actor and a slot. `needs`: what must be there for the call to be legal. */
function step(
  name: string,
  actor: Actor,
  slot: number,
  needs: 'export' | 'import' | 'no export' | 'no import',
  run: (model: walk.Model, place: string) => Promise<void>,
): Step {
  const place = `${actor.name}:${slot}`;
  return {
    check: (model) => {
      const there = needs.endsWith('export') ? model.exports.has(place) : model.imports.has(place);
      return there !== needs.startsWith('no');
    },
    run: (model) => run(model, place),
    toString: () => `${name} ${place}`,
  };
}

async function agree(name: string, found: Promise<number>, predicted: number): Promise<void> {
  expect(await found, name).toBe(predicted);
}

const at = { actor: fc.constantFrom(...ACTORS), slot: fc.nat(SLOTS - 1) };
const word = fc.integer({ min: 1, max: 0xffffffff });
const page = fc.nat(walk.PAGES - 1);
const memory = fc.constantFrom(0 as const, 1 as const);
const id = fc.constantFrom(...IDS);
const permission = fc.constantFrom(...PERMISSIONS);

const exporting: fc.Arbitrary<Step>[] = [
  fc.record({ ...at, fill: fc.tuple(word, word) }).map(({ actor, slot, fill }) =>
    step(`create ${fill}`, actor, slot, 'no export', async (model, place) => {
      await agree('create', actor.create(slot, fill, walk.PAGES), walk.create(model, place, actor.uid, fill));
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('destroy', actor, slot, 'export', async (model, place) => {
      await agree('destroy', actor.destroy(slot), walk.destroy(model, place));
    }),
  ),
  fc.record({ ...at, id, permission }).map(({ actor, slot, id: wanted, permission: bits }) =>
    step(`publish ${wanted} ${bits?.toString(8)}`, actor, slot, 'export', async (model, place) => {
      const predicted = walk.publish(model, model.exports.get(place)!, wanted, bits ?? DEFAULT_PERMISSION);
      await agree('publish', actor.publish(slot, wanted, bits, false), predicted);
    }),
  ),
  fc.record({ ...at, permission }).map(({ actor, slot, permission: bits }) =>
    step(`republish ${bits?.toString(8)}`, actor, slot, 'export', async (model, place) => {
      const predicted = walk.republish(model.exports.get(place)!, bits ?? DEFAULT_PERMISSION);
      await agree('republish', actor.publish(slot, 0, bits, true), predicted);
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('unpublish', actor, slot, 'export', async (model, place) => {
      await agree('unpublish', actor.unpublish(slot), walk.unpublish(model, model.exports.get(place)!));
    }),
  ),
  fc.record({ ...at, memory }).map(({ actor, slot, memory: index }) =>
    step(`rebind ${index}`, actor, slot, 'export', async (model, place) => {
      await agree('rebind', actor.rebind(slot, index), walk.rebind(model.exports.get(place)!, index));
    }),
  ),
  fc.record({ ...at, memory, page, word }).map(({ actor, slot, memory: index, page: where, word: value }) =>
    step(`set ${index} ${where} ${value}`, actor, slot, 'export', async (model, place) => {
      await actor.set(slot, index, where, value);
      model.exports.get(place)!.memories[index][where] = value;
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('memories', actor, slot, 'export', async (model, place) => {
      expect(await actor.memories(slot), 'memory of the exporter').toEqual(
        model.exports.get(place)!.memories,
      );
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('post to importers', actor, slot, 'export', async (model, place) => {
      const predicted = walk.postToImporters(model, model.exports.get(place)!);
      await agree('post', actor.post('exports', slot), predicted);
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('wait(0) of the exporter', actor, slot, 'export', async (model, place) => {
      await agree('wait', actor.take('exports', slot), walk.take(model.exports.get(place)!));
    }),
  ),
];

const importing: fc.Arbitrary<Step>[] = [
  fc.record({ ...at, id, mode: fc.constantFrom(...MODES) }).map(({ actor, slot, id: wanted, mode }) =>
    step(`connect ${wanted} ${mode.toString(8)}`, actor, slot, 'no import', async (model, place) => {
      const predicted = walk.connect(model, place, actor.uid, wanted, mode);
      await agree('connect', actor.connect(slot, wanted, mode), predicted);
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('disconnect', actor, slot, 'import', async (model, place) => {
      await agree('disconnect', actor.disconnect(slot), walk.disconnect(model, place));
    }),
  ),
  fc.record({ ...at, whole: fc.boolean() }).map(({ actor, slot, whole }) =>
    step(`map ${whole ? 'whole' : 'second page'}`, actor, slot, 'import', async (model, place) => {
      const segment = model.imports.get(place)!;
      const predicted = walk.map(segment, whole ? 'whole' : 'second page');
      const mapped = actor.map(slot, segment.mode, whole ? 0 : 4096, whole ? 8192 : 4096);
      await agree('map', mapped, predicted);
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('unmap', actor, slot, 'import', async (model, place) => {
      await agree('unmap', actor.unmap(slot), walk.unmap(model.imports.get(place)!));
    }),
  ),
  fc.record({ ...at, page, word }).map(({ actor, slot, page: where, word: value }) =>
    step(`put ${where} ${value}`, actor, slot, 'import', async (model, place) => {
      const segment = model.imports.get(place)!;
      const predicted = walk.transfer(segment, where, walk.WRITE);
      await agree('put', actor.put(slot, where, value), predicted);
      if (predicted === 0) walk.memoryOf(segment)[where] = value;
    }),
  ),
  fc.record({ ...at, page }).map(({ actor, slot, page: where }) =>
    step(`get ${where}`, actor, slot, 'import', async (model, place) => {
      const segment = model.imports.get(place)!;
      const predicted = walk.transfer(segment, where, walk.READ);
      const { code, value } = await actor.get(slot, where);
      expect(code, 'get').toBe(predicted);
      if (predicted === 0) expect(value, 'the word got').toBe(walk.memoryOf(segment)[where]);
    }),
  ),
  fc.record({ ...at, page, word: fc.option(word) }).map(({ actor, slot, page: where, word: value }) =>
    step(`touch ${where} ${value}`, actor, slot, 'import', (model, place) => {
      return touch(model.imports.get(place)!, actor, slot, where, value ?? undefined);
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('post to the exporter', actor, slot, 'import', async (model, place) => {
      await agree('post', actor.post('imports', slot), walk.postToExporter(model.imports.get(place)!));
    }),
  ),
  fc.record(at).map(({ actor, slot }) =>
    step('wait(0) of the importer', actor, slot, 'import', async (model, place) => {
      await agree('wait', actor.take('imports', slot), walk.take(model.imports.get(place)!));
    }),
  ),
];

/** Loads and stores through an explicit mapping: never a fault; what they do when nothing is broken. */
async function touch(
  segment: walk.ImportModel,
  actor: Actor,
  slot: number,
  where: number,
  value: number | undefined,
): Promise<void> {
  const { mapped, mode, aborted } = segment;
  if (mapped !== 'whole' && mapped !== 'second page') return;
  const index = mapped === 'whole' ? where : 0;
  // A store through a read-only mapping freezes that page for this importer; the walk leaves it alone.
  const stored = (mode & walk.WRITE) === 0 ? undefined : value;
  const seen = await actor.touch(slot, index, stored);
  if (aborted) return;
  const words = walk.memoryOf(segment);
  const target = mapped === 'whole' ? where : 1;
  if (stored !== undefined) words[target] = stored;
  expect(seen, 'the word loaded').toBe(words[target]);
}

const killing: fc.Arbitrary<Step> = fc
  .record({ actor: at.actor, signal: fc.constantFrom('SIGKILL' as const, 'SIGTERM' as const) })
  .map(({ actor, signal }) => ({
    check: () => true,
    run: async (model: walk.Model) => {
      await actor.kill(signal);
      walk.kill(model, actor.name);
      // The others learn of it in a moment: the end of the connection is all there is.
      for (const [place, segment] of model.imports) {
        const [name, slot] = place.split(':');
        const importer = ACTORS.find((other) => other.name === name)!;
        if (segment.aborted) await until(() => importer.broken(Number(slot)));
      }
      await actor.start();
    },
    toString: () => `${signal} ${actor.name}`,
  }));

// Weights by repetition: most steps use what is there, few end a process.
const steps = [...exporting, ...importing, ...importing, ...exporting, killing];

beforeAll(() => Promise.all(ACTORS.map((actor) => actor.start())));
afterAll(() => Promise.all(ACTORS.map((actor) => actor.kill('SIGTERM'))));

test(`${SECONDS} seconds of random calls agree with the model`, {
  timeout: SECONDS * 1_000 + 120_000,
}, async () => {
  const { RSM_WALK_SEED: seed, RSM_WALK_PATH: path } = process.env;
  const parameters: fc.Parameters<[Iterable<Step>]> = {
    seed: Number(seed ?? Math.floor(Math.random() * 2 ** 31)),
    numRuns: 1_000_000,
    interruptAfterTimeLimit: SECONDS * 1_000,
    markInterruptAsFailure: false,
    endOnFailure: true,
    ...(path === undefined ? {} : { path }),
  };
  console.log(`RSM_WALK_SEED=${parameters.seed}`);
  let taken = 0;
  const property = fc.asyncProperty(
    fc.commands(steps, { maxCommands: STEPS_OF_A_WALK, size: 'max' }),
    async (commands) => {
      await fc.asyncModelRun(() => ({ model: walk.emptyModel(), real: undefined }), commands);
      await Promise.all(ACTORS.map((actor) => actor.reset()));
      taken += 1;
    },
  );
  await fc.assert(property, parameters);
  expect(taken).toBeGreaterThan(0);
});
