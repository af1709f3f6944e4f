/** T9: what a program pays before its first transfer. Every sample is a process of its own. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { alternate, line } from '../harness.js';

export const id = 'T9';
export const question = 'first use in a fresh process; reference: a bare Node from start to end';

const program = join(import.meta.dirname, '..', 'peers', 'first-use.js');

export async function run({ rounds }, report) {
  const figures = [];
  const found = await alternate(rounds, {
    ours: () => {
      figures.push(JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })));
      return figures.at(-1).importMs;
    },
    bare: () => {
      const begin = performance.now();
      execFileSync(process.execPath, ['-e', '0']);
      return performance.now() - begin;
    },
  });
  const of = (key) => {
    const sorted = figures.map((figure) => figure[key]).sort((a, b) => a - b);
    return { median: sorted[sorted.length >> 1], low: sorted[0], high: sorted.at(-1) };
  };
  report(line({ name: 'import of the package', unit: 'ms', ours: found.ours, target: { atMost: 40 } }));
  report(
    line({
      name: 'first publish + first connect',
      unit: 'ms',
      ours: of('firstUseMs'),
      target: { atMost: 5 },
    }),
  );
  report(line({ name: 'extra resident memory', unit: 'MiB', ours: of('memoryMiB'), target: { atMost: 4 } }));
  report(line({ name: 'a bare Node, start to end', unit: 'ms', ours: found.bare }));
}
