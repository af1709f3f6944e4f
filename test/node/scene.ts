/** What the tests of this room share: a node in a directory of its own, and publishing for real. */

import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type NativeExport, native } from '../../src/native/index.ts';
import { type Node, openNode } from '../../src/node/index.ts';
import { runtimeDirectory } from '../support/runtime.ts';

export const directory: string = runtimeDirectory();

/** Everybody may connect. */
const OPEN: Uint32Array = Uint32Array.of(0, 0, 0o777, 0);

export interface Published {
  id: number;
  unpublish(): void;
}

export function publish(node: Node, id: number = 0): Published {
  const made = native.createExport(native.allocate(4096, 0) as ArrayBuffer, 0, 4096, 0);
  if (typeof made === 'number') throw new Error(`createExport: ${made}`);
  const segment: NativeExport = made;
  const published = node.publish(id, (chosen, claim, record) => {
    const code = native.publish(segment, record, chosen, claim, OPEN);
    if (code !== 0) throw new Error(`native.publish: ${code}`);
  });
  return { id: published, unpublish: () => native.destroyExport(segment) };
}

/** Runs with an open node and closes it. */
export function withNode<T>(work: (node: Node) => T): T {
  const node = openNode();
  try {
    return work(node);
  } finally {
    node.close();
  }
}

/** Runs as another user; effective ids only, so that the way back is open. */
export function as<T>(uid: number, work: () => T): T {
  process.seteuid?.(uid);
  try {
    return work();
  } finally {
    process.seteuid?.(0);
  }
}

const PRELUDE = `
  const [{ openNode }, { native }] = await Promise.all(['node', 'native'].map((room) =>
    import(process.argv[1] + '/' + room + '/index.js')));
  function publish(node, id = 0) {
    const segment = native.createExport(native.allocate(4096, 0), 0, 4096, 0);
    return node.publish(id, (chosen, claim, record) => {
      if (native.publish(segment, record, chosen, claim, Uint32Array.of(0, 0, 0o777, 0)) !== 0) throw chosen;
    });
  }
`;
const dist = new URL('../../dist', import.meta.url).pathname;

function commandOf(program: string): string[] {
  return ['--input-type=module', '--eval', PRELUDE + program, dist];
}

/** A process of its own in which `openNode` and `publish(node, id)` are there. */
export function runProgram(program: string): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, commandOf(program), { encoding: 'utf8' });
}

/** Several at once. What each printed. */
export function runPrograms(count: number, program: string): Promise<string[]> {
  const children = Array.from({ length: count }, async () => {
    const child = spawn(process.execPath, commandOf(program), { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text;
    });
    await once(child, 'close');
    return printed;
  });
  return Promise.all(children);
}
