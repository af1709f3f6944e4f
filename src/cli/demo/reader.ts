/** A reader of `rsm demo`: what an importer does, with its part arriving through a pipe. */
import { createHash } from 'node:crypto';
import { started, tell } from './crew.ts';
import { cpuMs } from './parts.ts';

await started();
const hash = createHash('sha256');
let hashingMs = 0;
for await (const chunk of process.stdin) {
  const before = process.cpuUsage();
  hash.update(chunk as Buffer);
  hashingMs += cpuMs(before);
}
tell({ kind: 'read', digest: hash.digest('hex'), hashingMs });
process.disconnect?.();
