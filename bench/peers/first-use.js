/** One sample of questions/first-use.js, as JSON on standard output. */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

// Everything the measuring itself needs is warm before it begins.
residentMiB();
const memoryBefore = residentMiB();
const importBegin = performance.now();
const { allocate, openController } = await import('../../dist/api/index.js');
const importMs = performance.now() - importBegin;

const useBegin = performance.now();
const controller = openController();
const segment = controller.createExport(allocate(4096));
const importing = controller.connectSync({ node: controller.nodeId, id: segment.publish(), mode: 'rw' });
const firstUseMs = performance.now() - useBegin;
const memoryMiB = residentMiB() - memoryBefore;

importing.close();
segment.close();
process.stdout.write(JSON.stringify({ importMs, firstUseMs, memoryMiB }));

function residentMiB() {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1];
  return Number(kibibytes) / 1024;
}
