// Publishes the C program's segment under an id, until its input ends. `exporter.mjs SHMID`
import { attachSystemV, openController } from 'rsmapi';

const controller = openController();
const memory = attachSystemV(Number(process.argv[2]));
const segment = controller.createExport(memory);
segment.publish({ id: 0x440000, access: [{ node: controller.nodeId, permission: 0o600 }] });
console.log(`published 0x440000: ${segment.byteLength} bytes`);

process.stdin.resume().on('end', () => {
  segment.close();
  controller.close();
});
