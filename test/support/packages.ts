/**
 * vitest globalSetup, before the build: what tests between nodes need of the system. Root of a Debian gets it
 * installed, and is told; everybody else is told what is left out, and how to get it.
 */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const NEEDED: Record<string, () => boolean> = {
  'libfabric-dev': () => existsSync('/usr/include/rdma/fabric.h'),
  iproute2: () => isCommand('ip'),
  nftables: () => isCommand('nft'),
};

export default function setup(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const install = `apt-get install ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !isCommand('apt-get')) {
    process.stdout.write(`Tests between nodes are left out, or a part of them: as root, ${install}\n`);
    return;
  }
  process.stdout.write(`For the tests between nodes: ${install}\n`);
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (...args: string[]) =>
      execFileSync('apt-get', args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
    apt('update', '-qq');
    apt('install', '-y', '-qq', '--no-install-recommends', ...missing);
  } catch (error) {
    process.stdout.write(`That failed: ${(error as Error).message}\n`);
  }
}

function missingPackages(): string[] {
  return Object.entries(NEEDED)
    .filter(([, isThere]) => !isThere())
    .map(([name]) => name);
}

function isCommand(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
