/** Limits of this process, and of every one like it. */
import { readFileSync } from 'node:fs';
import { bytes } from '../terminal.ts';
import { type Finding, finding } from './finding.ts';

/** Of connections, each of which takes two in the exporter and three in the importer. */
const FEW_FILES = 1024;
/** Node.js and the agent have about forty. */
const TOO_FEW_FILES = 64;
const USUAL_MAPPINGS = 65_530;

export function limits(): Finding[] {
  const limitOf = readLimits();
  return [
    files(limitOf('Max open files')),
    mappings(),
    locked(limitOf('Max locked memory')),
    sizes(limitOf('Max file size')),
  ];
}

/** Soft limits. Node.js has raised that of open files to the hard one. */
function readLimits(): (name: string) => number {
  const text = readFileSync('/proc/self/limits', 'utf8');
  return (name) => {
    const [, soft] = new RegExp(`^${name} +(\\S+)`, 'm').exec(text) ?? [];
    return soft === undefined || soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
  };
}

function files(limit: number): Finding {
  const name = 'open files';
  const mend = 'sudo prlimit --pid $$ --nofile=65536  # or LimitNOFILE=65536 in the unit';
  const says = `${count(limit)} at most`;
  if (limit < TOO_FEW_FILES) return finding(name, 'problem', `${says}: too few for anything.`, mend);
  const connections = `enough for ${count(Math.floor(limit / 3))} connections of a process`;
  return finding(name, limit < FEW_FILES ? 'note' : 'ok', `${says}, ${connections}.`, mend);
}

function mappings(): Finding {
  const limit = Number(readFileSync('/proc/sys/vm/max_map_count', 'utf8'));
  const says = `${count(limit)} at most, enough for ${count(Math.floor(limit / 4))} mapped connections of a process.`;
  return finding(
    'mappings',
    limit < USUAL_MAPPINGS ? 'note' : 'ok',
    says,
    'sudo sysctl -w vm.max_map_count=262144',
  );
}

function locked(limit: number): Finding {
  const says = `${amount(limit)} of a process, for allocate(bytes, { lock: true }).`;
  const mend = 'sudo prlimit --pid $$ --memlock=unlimited  # or LimitMEMLOCK=infinity in the unit';
  return finding('locked memory', limit === 0 ? 'note' : 'ok', says, mend);
}

function sizes(limit: number): Finding {
  const says = `${amount(limit)}; the limit holds for allocations as well.`;
  return finding(
    'file size',
    limit === Number.POSITIVE_INFINITY ? 'ok' : 'note',
    says,
    'ulimit -f unlimited',
  );
}

const count = (limit: number) =>
  limit === Number.POSITIVE_INFINITY ? 'as many as you like' : limit.toLocaleString('en');
const amount = (limit: number) => (limit === Number.POSITIVE_INFINITY ? 'any amount' : bytes(limit));
