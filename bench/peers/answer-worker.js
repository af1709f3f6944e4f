/** The other side of alternatives/worker.js: a thread. */
import { parentPort, workerData } from 'node:worker_threads';

const { replyBytes, transferred } = workerData;
const reply = 'x'.repeat(replyBytes);

parentPort.on('message', (message) => {
  if (transferred) parentPort.postMessage(message, [message]);
  else parentPort.postMessage(reply);
});
parentPort.postMessage('ready');
