/**
 * A random walk over several exporters and importers, in processes of different users: every result code,
 * every word of memory and every event is compared with a model (test/support/walk/model.ts).
 *
 * RSM_WALK_SECONDS is how long it walks (60). A failure prints seed and path; RSM_WALK_SEED and
 * RSM_WALK_PATH walk that way again.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { figures } from '../support/figures.ts';
import { emptyModel } from '../support/walk/model.ts';
import { ACTORS, type Step, steps, tally } from '../support/walk/steps.ts';

const SECONDS = Number(process.env.RSM_WALK_SECONDS ?? 60);
const STEPS_OF_A_WALK = 400;

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
      await fc.asyncModelRun(() => ({ model: emptyModel(), real: undefined }), commands);
      await Promise.all(ACTORS.map((actor) => actor.reset()));
      taken += 1;
    },
  );
  await fc.assert(property, parameters);
  figures(`random calls of three processes, compared with a model, ${SECONDS} seconds`, {
    walks: taken,
    ...Object.fromEntries([...tally].sort()),
  });
  expect(tally.get('put: done'), 'puts that arrived').toBeGreaterThan(0);
});
