/** examples/frame-ring: viewers see whole frames, count those they missed, and outlive each other. */
import { expect, test } from 'vitest';
import { type Example, example } from '../support/example.ts';

const COUNTS = /seen (\d+) lost (\d+) broken (\d+)$/;

async function filming(rate: number): Promise<Example> {
  const camera = example('frame-ring/camera.mjs', [String(rate)]);
  expect(await camera.line()).toBe(`filming at ${rate} frames a second`);
  return camera;
}

async function watching(lookMs: number): Promise<{ viewer: Example; first: number }> {
  const viewer = example('frame-ring/viewer.mjs', [String(lookMs)]);
  const [first] = await viewer.match(/^watching from frame (\d+)$/);
  return { viewer, first: Number(first) };
}

interface Counts {
  seen: number;
  lost: number;
  broken: number;
}

async function counts(viewer: Example, pattern: RegExp): Promise<Counts> {
  const [seen, lost, broken] = (await viewer.match(pattern)).map(Number) as [number, number, number];
  return { seen, lost, broken };
}

test('every frame is seen whole or counted as lost; a slow viewer is overrun, a killed one is not missed', async () => {
  const camera = await filming(200);
  const [quick, slow, doomed] = [await watching(0), await watching(30), await watching(0)];
  await counts(doomed.viewer, COUNTS);
  await doomed.viewer.kill();
  for (let report = 0; report < 3; report += 1) await counts(quick.viewer, COUNTS);
  await counts(slow.viewer, COUNTS);

  camera.finish();
  const [filmed] = (await camera.match(/^filmed (\d+)$/)).map(Number);
  expect(await camera.end()).toEqual({ status: 0, errors: '' });
  const last = /^the camera has gone: seen (\d+) lost (\d+) broken (\d+)$/;
  for (const { viewer, first } of [quick, slow]) {
    const { seen, lost, broken } = await counts(viewer, last);
    expect(broken).toBe(0);
    expect(seen).toBeGreaterThanOrEqual(50);
    expect(first + seen + lost - 1).toBeLessThanOrEqual(filmed!);
    if (viewer === slow.viewer) expect(lost).toBeGreaterThan(0);
    expect(await viewer.end()).toEqual({ status: 0, errors: '' });
  }
});

test('viewers notice that the camera was killed', async () => {
  const camera = await filming(100);
  const { viewer } = await watching(0);
  await counts(viewer, COUNTS);
  await camera.kill();
  const { broken } = await counts(viewer, /^the camera has gone: seen (\d+) lost (\d+) broken (\d+)$/);
  expect(broken).toBe(0);
  expect(await viewer.end()).toEqual({ status: 0, errors: '' });
});

test('a torn frame would be noticed', async () => {
  const { PIXELS, RING_BYTES, Ring, SLOTS } = await import('../../examples/frame-ring/ring.mjs' as string);
  const memory = new ArrayBuffer(RING_BYTES);
  const [camera, viewer] = [new Ring(memory), new Ring(memory)];
  const frame = new Uint8Array(PIXELS);
  const paint = (pixels: Uint8Array, number: number) => {
    expect(viewer.read(number, frame), 'half written').toBe(false);
    pixels.fill(number);
  };
  for (let number = 1; number <= SLOTS; number += 1) camera.write(paint);
  expect(viewer.read(1, frame)).toBe(true);
  expect(frame).toEqual(new Uint8Array(PIXELS).fill(1));
  camera.write(paint);
  expect(viewer.read(1, frame), 'overwritten').toBe(false);
  expect(viewer.read(viewer.oldest, frame)).toBe(true);
  const overtaken = {
    set: () => {
      for (let i = 0; i < SLOTS; i += 1) camera.write(() => {});
    },
  };
  expect(viewer.read(viewer.oldest, overtaken), 'overwritten while it was copied').toBe(false);
});
