/** A reader of `rsm demo`: what an importer does, with its part arriving through a pipe. */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { started, tell } from './crew.ts';

await started();
const hash = createHash('sha256');
let hashingMs = 0;
for await (const chunk of process.stdin) {
  const begin = performance.now();
  hash.update(chunk as Buffer);
  hashingMs += performance.now() - begin;
}
tell({ kind: 'read', digest: hash.digest('hex'), hashingMs });
process.disconnect?.();
