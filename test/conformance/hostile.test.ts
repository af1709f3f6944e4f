/**
 * Anything at all as any argument of any of the 42 functions, in every state of the handle: the result is
 * one of the codes that the function documents, nothing is thrown, and the segment still works.
 */
import { expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { handleValues, plainValues } from '../support/hostile.ts';
import { exported, holdEnds, imported, tidy } from '../support/scene.ts';
import { calls, stage } from './hostile-calls.ts';

/** Replaces what is at `path` inside the arguments. */
function plant(args: unknown[], path: (string | number)[], value: unknown): void {
  let holder = args as unknown as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) holder = holder[step] as Record<string | number, unknown>;
  holder[path.at(-1)!] = value;
}

const nameOf = (code: unknown): string =>
  Object.entries(rsm).find(([name, value]) => name.startsWith('RSMERR_') && value === code)?.[0] ??
  String(code);

/** A put, a get and events through a fresh connection. */
function stillWorks(): void {
  const { segment: owner, id, bytes } = exported();
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_import_put32(segment, 8, new Uint32Array([0x600d]), 1)).toBe(0);
  expect(new Uint32Array(bytes.buffer)[2]).toBe(0x600d);
  expect(rsm.rsm_intr_signal_post(owner, 0)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(segment, 5000)).toBe(0);
}

test('all functions are here', () => {
  const names = Object.keys(rsm).filter((name) => /^rsm_/.test(name));
  expect(Object.keys(calls).sort()).toEqual(names.sort());
});

holdEnds();

const cases = Object.entries(calls).flatMap(([name, call]) =>
  call.states.map((state) => [name, state, call] as const),
);

test.each(cases)('%s, %s: anything as any argument', async (name, state, { codes, args, inside = [] }) => {
  const invoke = (rsm as unknown as Record<string, (...args: unknown[]) => unknown>)[name]!;
  const documented = new Set<unknown>(
    name === 'rsm_free_interconnect_topology' ? [undefined] : [0, ...codes],
  );
  const violations: string[] = [];
  let at = stage(state);
  const paths = [...args(at).map((_, index) => [index]), ...inside];
  for (const path of paths) {
    for (const [label, make] of [...plainValues, ...(path.length === 1 ? handleValues : [])]) {
      const given = args(at);
      plant(given, path, make());
      let result: unknown;
      try {
        result = invoke(...given);
      } catch (error) {
        result = `threw ${error}`;
      }
      if (!documented.has(result)) violations.push(`${label} at ${path.join('.')}: ${nameOf(result)}`);
      if (documented.has(result) && result !== 0 && result !== undefined) continue;
      await tidy();
      at = stage(state);
    }
  }
  await tidy();
  stillWorks();
  expect(violations).toEqual([]);
});
