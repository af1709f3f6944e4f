/**
 * An importer of `rsm demo`. All it is told is two segment ids and which part is its own; the bytes come to
 * it by mapping the exporter's memory.
 */
import { performance } from 'node:perf_hooks';
import { openController } from '../../api/index.ts';
import { started, tell } from './crew.ts';
import { cpuMs, digestOf, encodeResult, RESULT_BYTES } from './parts.ts';

const [fileId = 0, resultsId = 0, index = 0, from = 0, to = 0] = process.argv.slice(2).map(Number);
await started();

const begin = performance.now();
const controller = openController();
const file = await controller.connect({ id: fileId, mode: 'r' });
const results = await controller.connect({ id: resultsId, mode: 'w' });
const part = new Uint8Array(file.map()).subarray(from, to);
tell({ kind: 'mapped', timeMs: performance.now() - begin, ownerPid: file.owner.pid });

putBackDigest();
// The exporter's event: it has rebound the segment. `part` is the same view on the same mapping.
await file.wait();
putBackDigest();

const error = await file.aborted;
// The exporter's memory is gone, the address is not: reading is harmless.
tell({ kind: 'aborted', code: error.code, readableBytes: part.slice(0, 4096).length });
controller.close();
process.disconnect?.();

function putBackDigest(): void {
  const before = process.cpuUsage();
  const digest = digestOf(part);
  results.put(index * RESULT_BYTES, encodeResult(digest, cpuMs(before)));
  results.post();
}
