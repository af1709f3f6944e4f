// A process that evaluates functions a test sends it. One request per line: {id, body, args}; one answer
// per line: {id, result} or {id, error}. It ends when its input does.
import { createInterface } from 'node:readline';

const dist = process.env.RSM_TEST_DIST;
const [rsm, api] = await Promise.all([import(`${dist}/librsm/index.js`), import(`${dist}/api/index.js`)]);
const compile = (source) => new Function(`return (${source});`)();
const { plane, helpers } = JSON.parse(process.env.RSM_TEST_SCENE);
const context = { rsm, api, dist, plane, kept: {} };
context.opened = compile(helpers.opened).bind(null, rsm, plane);
context.exported = compile(helpers.exported).bind(null, context);
context.imported = compile(helpers.imported).bind(null, context);

const answer = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

async function serve({ id, body, args }) {
  try {
    answer({ id, result: (await compile(body)(context, ...args)) ?? null });
  } catch (error) {
    answer({
      id,
      error: { message: String(error?.message ?? error), code: error?.code, stack: error?.stack },
    });
  }
}

answer({ id: 0, result: process.pid });
for await (const line of createInterface({ input: process.stdin })) void serve(JSON.parse(line));
