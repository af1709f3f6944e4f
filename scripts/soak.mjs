// `npm run test:soak -- --minutes N`: the soak, the random walk, the contention for one lock, and random faults
// between machines, for so many minutes (1) each. Prints what they have done at the end.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  console.error('usage: npm run test:soak -- --minutes N');
  process.exit(2);
}
const lengths = ['RSM_SOAK_SECONDS', 'RSM_WALK_SECONDS', 'RSM_CONTENTION_SECONDS'];
const folder = mkdtempSync(join(tmpdir(), 'rsm-soak-'));
const figures = join(folder, 'figures');
const long = Object.fromEntries(lengths.map((name) => [name, String(seconds)]));
const env = { ...process.env, ...long, RSM_FIGURES: figures };
const tests = [
  'test/process/soak.test.ts',
  'test/process/random-walk.test.ts',
  'test/process/lock-contention.test.ts',
  'test/hosts/random.test.ts',
];
const projects = ['process', 'hosts'].flatMap((name) => ['--project', name]);
const { status } = spawnSync('npm', ['exec', '--', 'vitest', 'run', ...projects, ...tests], {
  env,
  stdio: 'inherit',
});
if (existsSync(figures)) console.log(readFileSync(figures, 'utf8'));
rmSync(folder, { recursive: true });
process.exit(status ?? 1);
