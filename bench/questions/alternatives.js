/**
 * T10: what a user would pick instead, in the same run. Blocked is waitSync, which looks around before it sleeps: on
 * one processor, where that is of no use, it sleeps.
 */
import { openController } from '../../dist/api/index.js';
import { openAlternatives } from '../alternatives/index.js';
import { asking, exchangeMemory } from '../exchange.js';
import {
  alternate,
  inMicroseconds,
  latencies,
  latenciesAsync,
  line,
  nanosecondsEach,
  nanosecondsEachAsync,
  peer,
  summary,
} from '../harness.js';
import { cpuSeconds, PLACES, settleOn, settleThreadOn } from '../proc.js';

export const id = 'T10';
export const question = 'request and reply, hand-over and shared read against what a user would pick instead';

const MIB = 1_048_576;

export async function run(context, report) {
  const controller = openController();
  await measure(context, report, controller, { name: '64 B', bytes: 64, replyBytes: 64 });
  await measure(context, report, controller, { name: '1 MiB', bytes: MIB, replyBytes: 1 });
  controller[Symbol.dispose]();
}

/** One length of payload: ours spinning, blocked and awaited, and every alternative. */
async function measure(context, report, controller, { name, bytes, replyBytes }) {
  const { smoke, directory, plot, skip } = context;
  const small = bytes === 64;
  const counts = smoke ? { spin: 50, sleep: 5 } : { spin: 50_000, sleep: small ? 2000 : 200 };
  const alternatives = await openAlternatives({ directory, bytes, replyBytes }, small ? skip : () => {});
  const ours = await openOurs(controller, bytes);
  for (const { where, processors } of PLACES) {
    settleAll(processors, ours, alternatives);
    const apart = processors[0] !== processors[1];
    const ways = Object.keys(WAYS).filter((how) => apart || how !== 'spin');
    const { found, cpu } = await compare({ rounds: context.rounds, ours, alternatives, counts, ways, small });
    const rows = { report, name: `${where}; ${name}`, found, alternatives, cpu, apart };
    if (small) reportSmall(rows);
    else reportLarge(rows);
    const chart = `${name} ${small ? 'request and reply' : 'handed over'}, ${where}`;
    for (const how of ways) {
      const quantiles = await ours.quantiles(how, counts.sleep * 2);
      plot('latency', { chart, name: `rsmapi, ${WAYS[how]}`, ours: true, quantiles });
    }
    for (const { name: other, exchange } of alternatives) {
      plot('latency', { chart, name: other, quantiles: await latenciesAsync(counts.sleep * 2, exchange) });
    }
  }
  settleOn(undefined);
  for (const { close } of alternatives) await close();
  await ours.close();
}

/** Who answers goes to the second processor, be it a process or a thread of this one. */
function settleAll([here, there], ours, alternatives) {
  settleOn(here);
  for (const pid of [ours.pid, ...alternatives.flatMap(({ pids }) => pids)]) settleOn(there, pid);
  for (const thread of alternatives.flatMap(({ threads }) => threads)) settleThreadOn(there, thread);
}

async function compare({ rounds, ours, alternatives, counts, ways, small }) {
  const cpu = {};
  const contenders = {};
  for (const how of ways) {
    const count = how === 'spin' ? counts.spin : counts.sleep;
    contenders[how] = counted(cpu, how, [ours.pid], count, () => ours.sample(how, count));
  }
  for (const { name: other, exchange, pids } of alternatives) {
    contenders[other] = counted(cpu, other, pids, counts.sleep, () =>
      nanosecondsEachAsync(counts.sleep, (times) => repeat(times, exchange)),
    );
  }
  if (small) {
    contenders.load = () => ours.load(counts.spin * 20);
    for (const { name: other, read, exchange } of alternatives) {
      contenders[`read ${other}`] = () =>
        nanosecondsEachAsync(counts.sleep, (times) => repeat(times, read ?? exchange));
    }
  }
  return { found: await alternate(rounds, contenders), cpu };
}

const WAYS = { spin: 'spinning', waitSync: 'blocked', wait: 'awaited' };

async function openOurs(controller, bytes) {
  const memory = exchangeMemory(bytes);
  const segment = controller.createExport(memory);
  const other = await peer('answer', controller.nodeId, segment.publish(), bytes);
  const side = asking(memory, bytes);
  const shared = new Int32Array(memory);
  let turn = 0;
  const exchange = {
    spin() {
      turn += 1;
      side.request(turn);
      side.spin(turn);
      side.reply(turn);
    },
    waitSync() {
      turn += 1;
      side.request(turn);
      segment.post();
      segment.waitSync();
      side.reply(turn);
    },
    async wait() {
      turn += 1;
      side.request(turn);
      segment.post();
      await segment.wait();
      side.reply(turn);
    },
  };
  const begin = (how, count) => other.ask({ how, count });
  return {
    exchange,
    pid: other.pid,
    async sample(how, count) {
      await begin(how, count);
      const once = exchange[how];
      if (how === 'wait') return await nanosecondsEachAsync(count, (times) => repeat(times, once));
      return nanosecondsEach(count, (times) => {
        for (let i = 0; i < times; i += 1) once();
      });
    },
    async quantiles(how, count) {
      await begin(how, count);
      return how === 'wait' ? await latenciesAsync(count, exchange.wait) : latencies(count, exchange[how]);
    },
    load: (count) =>
      nanosecondsEach(count, (times) => {
        let sum = 0;
        for (let i = 0; i < times; i += 1) sum += Atomics.load(shared, 0);
        if (Number.isNaN(sum)) throw new Error('unreachable: it only keeps the loop');
      }),
    async close() {
      await other.end();
      segment.close();
    },
  };
}

async function repeat(times, exchange) {
  for (let i = 0; i < times; i += 1) await exchange();
}

/** The sample, and the processor time of all that took part, in seconds per million. */
function counted(cpu, name, pids, count, sample) {
  cpu[name] = [];
  const spent = () => ['self', ...pids].reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  return async () => {
    const before = spent();
    const ns = await sample();
    cpu[name].push(((spent() - before) / count) * 1e6);
    return ns;
  };
}

function reportSmall({ report, name, found, alternatives, cpu, apart }) {
  const best = bestOf(alternatives, found);
  if (apart) against(report, `${name} request/reply, spinning`, found.spin, best, found, { faster: 40 });
  against(report, `${name} request/reply, blocked`, found.waitSync, best, found, { faster: 1.7 });
  against(report, `${name} request/reply, awaited`, found.wait, best, found);
  for (const other of alternatives) against(report, `${name} blocked`, found.waitSync, other.name, found);
  if (apart) {
    const reads = Object.fromEntries(alternatives.map((other) => [other.name, found[`read ${other.name}`]]));
    against(report, 'read of one shared value', found.load, bestOf(alternatives, reads), reads, {
      faster: 1000,
    });
  }
  for (const other of alternatives) {
    const figures = [cpu.waitSync, cpu[other.name]].map((samples) => summary(samples));
    report(
      line({
        name: `${name}: CPU of 10^6, blocked; ${other.name}`,
        unit: 's',
        ours: figures[0],
        reference: figures[1],
      }),
    );
  }
}

function reportLarge({ report, name, found, alternatives, apart }) {
  const between = alternatives.filter((other) => !other.withinProcess);
  if (apart) {
    against(report, `${name} hand-over, spinning`, found.spin, bestOf(alternatives, found), found, {
      faster: 10,
    });
  }
  const best = bestOf(between, found);
  against(report, `${name} hand-over, blocked`, found.waitSync, best, found, { faster: 10 });
  for (const other of alternatives) against(report, `${name} blocked`, found.waitSync, other.name, found);
}

function bestOf(alternatives, found) {
  return alternatives.map(({ name }) => name).sort((a, b) => found[a].median - found[b].median)[0];
}

function against(report, name, ours, other, found, target) {
  const [mine, theirs] = [ours, found[other]].map(inMicroseconds);
  report(line({ name: `${name}; ${other}`, unit: 'us', ours: mine, reference: theirs, target }));
}
