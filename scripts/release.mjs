// npm run release: makes rsmapi-VERSION.tgz with a binary for every platform, and judges that very file.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { TARGETS } from './targets.mjs';

process.chdir(join(import.meta.dirname, '..'));

function run(program, ...args) {
  execFileSync(program, args, { stdio: 'inherit' });
}

try {
  run('npm', 'run', '--silent', 'clean');
  run('npm', 'run', '--silent', 'build:ts');
  run(process.execPath, 'scripts/prebuild.mjs', ...Object.keys(TARGETS));
  // Everything is built: prepack and prepare have nothing to add.
  const [{ filename, size, files }] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
  );
  run('npx', 'publint', '--strict', filename);
  run('npx', 'attw', filename, '--profile', 'esm-only', '--format', 'table-flipped');
  console.log(`${filename}: ${files.length} files, ${size} bytes`);
  for (const { path } of files.filter((file) => file.path.endsWith('.node'))) console.log(`  ${path}`);
} catch {
  // The program that failed has said why.
  process.exitCode = 1;
}
