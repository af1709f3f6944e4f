/** vitest globalSetup: peers are processes of plain Node and run what `npm run build` makes. */
import { execFileSync } from 'node:child_process';

export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
