/** Controllers by name, and their reference counts. */
import { describe, expect, test, vi } from 'vitest';
import { Controller } from '../../src/core/controllers.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_CTLR_HNDL, RSMERR_CTLR_NOT_PRESENT } from '../../src/errors.ts';
import { file } from '../support/scene.ts';

const failing = (result: number) => expect.objectContaining({ result });

test.each(['loopback', 'LOOPBACK', 'loopback0', 'Loopback17', null, undefined])(
  'C-009 %s is loopback',
  (name) => {
    const first = Controller.get('loopback');
    const again = Controller.get(name);
    expect(again).toBe(first);
    expect(again.driver.name).toBe('loopback');
    first.release();
    again.release();
  },
);

test.each([
  '',
  '0',
  'nosuch',
  'nosuch0',
  'ofi',
  'loop back',
  'loopback\0',
  'constructor',
  '__proto__',
  'x'.repeat(256),
])('C-010 %j is not present', (name) => {
  expect(() => Controller.get(name)).toThrow(failing(RSMERR_CTLR_NOT_PRESENT));
});

test.each([0, 7n, {}, [], true, Symbol('loopback')].map((name) => [name]))('%s is no name', (name) => {
  expect(() => Controller.get(name)).toThrow(failing(RSMERR_BAD_ADDR));
});

describe('references', () => {
  test('C-008 C-012 a controller lives until its last release; then the next one is another', () => {
    const first = Controller.get(null);
    Controller.get(null);
    first.release();
    expect(Controller.from(first, 'test')).toBe(first);
    first.release();
    expect(() => Controller.from(first, 'test')).toThrow(failing(RSMERR_BAD_CTLR_HNDL));
    const next = Controller.get(null);
    expect(next).not.toBe(first);
    next.release();
  });

  test('C-008 a configuration is the same whoever names it: one controller, and another of another', () => {
    const [one, other] = [7, 8].map((id) => file(`[node]\nid = ${id}\n`)) as [string, string];
    vi.stubEnv('RSM_CONFIG', one);
    const first = Controller.get(null);
    expect(Controller.get(null, one)).toBe(first);
    vi.stubEnv('RSM_CONFIG', other);
    const second = Controller.get(null);
    expect([first.driver.nodeId, second.driver.nodeId]).toEqual([7, 8]);
    expect(Controller.get(null, one)).toBe(first);
    for (const opened of [first, first, first, second]) opened.release();
    vi.unstubAllEnvs();
  });

  test('what is no controller is refused', () => {
    const opened = Controller.get(null);
    for (const value of [null, undefined, {}, Object.create(opened), new Proxy(opened, {}), 5, 'loopback']) {
      expect(() => Controller.from(value, 'test')).toThrow(failing(RSMERR_BAD_CTLR_HNDL));
    }
    opened.release();
  });
});
