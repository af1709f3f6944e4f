// A worker for the programs beside this one: evaluates what they send, with its own controller.
import { parentPort } from 'node:worker_threads';

const api = await import(`${process.env.RSM_TEST_DIST}/api/index.js`);
const kept = { controller: api.openController() };
const compile = (source) => new Function(`return (${source});`)();

parentPort.on('message', async ({ body, args }) => {
  try {
    parentPort.postMessage({ result: await compile(body)({ api, kept }, ...args) });
  } catch (error) {
    parentPort.postMessage({ error: error?.code ?? String(error) });
  }
});
parentPort.postMessage({ result: 'ready' });
