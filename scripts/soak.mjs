// `npm run test:soak -- --minutes N`: the soak, and beside it the random walk, for so many minutes (1).
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '1' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  console.error('usage: npm run test:soak -- --minutes N');
  process.exit(2);
}
const env = { ...process.env, RSM_SOAK_SECONDS: String(seconds), RSM_WALK_SECONDS: String(seconds) };
const tests = ['test/process/soak.test.ts', 'test/process/random-walk.test.ts'];
const { status } = spawnSync('npm', ['exec', '--', 'vitest', 'run', '--project', 'process', ...tests], {
  env,
  stdio: 'inherit',
});
process.exit(status ?? 1);
