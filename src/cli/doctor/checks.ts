/** What `rsm doctor` looks at, from the ground up. */
import { binary, kernel, runtime } from './base.ts';
import { cluster } from './cluster.ts';
import { libfabric } from './fabric.ts';
import type { Check } from './finding.ts';
import { limits } from './limits.ts';
import { hugePages, memory } from './memory.ts';
import { directory, leftovers } from './node.ts';
import { sharing } from './sharing.ts';

export const CHECKS: readonly Check[] = [
  runtime,
  kernel,
  binary,
  directory,
  leftovers,
  sharing,
  limits,
  memory,
  hugePages,
  libfabric,
  cluster,
];
