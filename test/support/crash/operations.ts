/** Rows of the crash matrix: who ends, in the middle of what, and in which ways. */
import type { End, Point } from './trace.ts';
import type { Stage } from './victim.ts';

export type Role = 'exporter' | 'importer' | 'both' | 'worker';

export interface Operation {
  role: Role;
  name: string;
  before: Stage;
  /** The call is a survivor's; the victim's agent serves it. */
  served: boolean;
}

const created: Stage = { own: 'created', import: 'nothing' };
const published: Stage = { own: 'published', import: 'nothing' };
const imported: Stage = { own: 'nothing', import: 'imported' };
const mapped: Stage = { own: 'nothing', import: 'mapped' };
const withLock = (lock: NonNullable<Stage['lock']>): Stage => ({ ...mapped, lock });
const both: Stage = { own: 'published', import: 'mapped' };

const called = (role: Role, before: Stage, ...names: string[]): Operation[] =>
  names.map((name) => ({ role, name, before, served: false }));
const served = (role: Role, before: Stage, ...names: string[]): Operation[] =>
  names.map((name) => ({ role, name, before, served: true }));

export const OPERATIONS: Operation[] = [
  ...called('exporter', { own: 'nothing', import: 'nothing' }, 'create'),
  ...called('exporter', created, 'publish'),
  ...called('exporter', published, 'republish', 'rebind', 'post to importers', 'wait for an importer'),
  ...called('exporter', published, 'unpublish', 'destroy', 'exit'),
  ...served('exporter', published, 'connect of another', 'disconnect of another', 'lock of another'),
  ...called('importer', { own: 'nothing', import: 'nothing' }, 'connect'),
  ...called('importer', imported, 'map', 'put', 'get', 'barrier', 'disconnect'),
  ...called('importer', mapped, 'post to the exporter', 'wait for the exporter', 'unmap', 'exit'),
  ...served('importer', mapped, 'rebind by the exporter', 'unpublish by the exporter'),
  ...called('importer', withLock('free'), 'lock'),
  ...called('importer', withLock('exporter'), 'wait for a lock'),
  ...called('importer', withLock('victim'), 'unlock'),
  ...served('importer', withLock('awaited'), 'unlock by the exporter'),
  ...called('both', both, 'rebind', 'unpublish', 'disconnect', 'exit'),
  ...served('both', both, 'connect of another', 'rebind by the exporter'),
  ...called('worker', { own: 'created', import: 'mapped' }, 'publish'),
  ...called('worker', { own: 'published', import: 'nothing' }, 'connect'),
  ...called('worker', both, 'rebind', 'unpublish', 'disconnect', 'wait for the exporter'),
  ...served('worker', both, 'connect of another', 'rebind by the exporter', 'lock of another'),
  ...called('worker', { own: 'created', import: 'mapped', lock: 'exporter' }, 'wait for a lock'),
  ...served('worker', { own: 'created', import: 'mapped', lock: 'awaited' }, 'unlock by the exporter'),
];

const BY_SIGNAL: End[] = ['SIGKILL', 'SIGSTOP, SIGKILL'];

/** The ways to end that this operation can meet. */
export function endsOf({ role, name, served: isServed }: Operation): End[] {
  if (role === 'worker') {
    const ends: End[] = [...BY_SIGNAL, 'process.exit', 'terminate'];
    return isServed ? [...ends, 'exception', 'blocked'] : ends;
  }
  return isServed && name !== 'disconnect of another'
    ? [...BY_SIGNAL, 'process.exit', 'exception', 'blocked']
    : BY_SIGNAL;
}

/** Whether the process can end that way at the step: JavaScript cannot while its own thread makes the call. */
export function canEndAt({ role }: Operation, end: End, { threads, name, when }: Point): boolean {
  if (name === 'ppoll' && when === 'after') return false; // may never be
  if (end === 'SIGKILL' || end === 'SIGSTOP, SIGKILL') return true;
  if (end === 'blocked') return false;
  return threads === 'agent' || (role === 'worker' && end !== 'exception');
}
