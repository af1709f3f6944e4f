/** What everything stands on: Node.js, the kernel, the native binary. */
import { release } from 'node:os';
import { type Finding, finding } from './finding.ts';

/** As package.json says. */
const LEAST_NODE = [20, 19];
/** F_SEAL_FUTURE_WRITE: what makes read-only segments so for everybody. */
const LEAST_KERNEL = [5, 1];

export function runtime(): Finding[] {
  const { node } = process.versions;
  const says = `${process.version} on ${process.platform}-${process.arch}`;
  if (isAtLeast(node, LEAST_NODE)) return [finding('Node.js', 'ok', says)];
  const needs = `${says}; ${LEAST_NODE.join('.')} or newer is needed.`;
  return [finding('Node.js', 'problem', needs, 'npx -p node@22 -p rsmapi rsm doctor')];
}

export function kernel(): Finding[] {
  if (process.platform !== 'linux') return [finding('kernel', 'problem', 'rsmapi needs Linux.')];
  const said = `Linux ${release()}`;
  if (isAtLeast(release(), LEAST_KERNEL)) return [finding('kernel', 'ok', said)];
  const needs = `${said}; ${LEAST_KERNEL.join('.')} or newer is needed for sealed memory.`;
  return [
    finding(
      'kernel',
      'problem',
      needs,
      'sudo apt-get install --only-upgrade linux-image-amd64 && sudo reboot',
    ),
  ];
}

export async function binary(): Promise<Finding[]> {
  try {
    await import('../../api/index.ts');
    return [finding('native binary', 'ok', 'loads.')];
  } catch (error) {
    const says = (error as Error).message.replaceAll(/\s+/g, ' ');
    return [finding('native binary', 'problem', says, 'npm explore rsmapi -- npm run build:native')];
  }
}

/** Numbers with dots, compared one by one. */
function isAtLeast(version: string, least: number[]): boolean {
  const parts = version.split('.').map((part) => Number.parseInt(part, 10));
  const [index = 0] = least.flatMap((number, at) => (parts[at] === number ? [] : [at]));
  return (parts[index] ?? 0) >= least[index]!;
}
