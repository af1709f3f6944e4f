/** How the questions of `rsm bench` are measured. */
import { allocate, type Controller, type ExportSegment, openController, release } from '../../api/index.ts';
import type { Question } from '../bench.ts';
import { CommandError } from '../failure.ts';
import { bytes } from '../terminal.ts';
import { alternate, type Figure, type Line, rateOf } from './measure.ts';
import { LINE_WORDS, type Peer, startPeer } from './peers.ts';

const PAGE = 4096;
const MIB = 1024 * 1024;
/** A peer that does not answer for so long is lost; a machine with one processor needs a while. */
const PATIENCE_MS = 10_000;
/** Between two looks at the clock. */
const SPINS = 1 << 20;
/** As much as a small request. */
const MESSAGE = 'x'.repeat(64);

export const answer: Record<Question, (signal: AbortSignal) => Promise<Line[]>> = {
  call: (signal) =>
    withSegment(PAGE, async (segment, controller) => {
      const importing = controller.connectSync({ id: segment.id! });
      const [value, mapped] = [BigUint64Array.of(42n), new Float64Array(importing.map())];
      // Each with a loop of its own: one for all would measure how that calls.
      const works = {
        store(times: number) {
          for (let i = 0; i < times; i += 1) mapped[i & 7] = 42;
        },
        put(times: number) {
          for (let i = 0; i < times; i += 1) importing.put(8, value);
        },
        get(times: number) {
          for (let i = 0; i < times; i += 1) importing.get(8, value);
        },
      };
      const { store, put, get } = await alternate(works, signal);
      importing.close();
      const beside = { name: 'a store into mapped memory', ...store };
      return [line('put', put, beside), line('get', get, beside)];
    }),

  async bandwidth(signal) {
    const lines: Line[] = [];
    for (const size of [64 * 1024, MIB, 64 * MIB]) lines.push(...(await bandwidth(size, signal)));
    return lines;
  },

  'ping-pong': (signal) =>
    beside('a message of child_process', signal, async (message) =>
      withSegment(PAGE, async (segment) => {
        const peer = await startPeer('spinner', [segment.id!], signal);
        try {
          const words = new Int32Array(segment.memory);
          let turn = 0;
          const round = (times: number) => {
            for (let i = 0; i < times; i += 1) spinUntilAnswered(words, ++turn);
          };
          return await alternate({ round, message }, signal);
        } finally {
          segment.close();
          await peer.end();
        }
      }),
    ),

  events: (signal) =>
    beside('a message of child_process', signal, async (message) =>
      withSegment(PAGE, async (segment) => {
        const peer = await startPeer('sleeper', [segment.id!], signal);
        try {
          const round = (times: number) => {
            for (let i = 0; i < times; i += 1) {
              segment.post();
              if (!segment.waitSync(PATIENCE_MS)) throw lost();
            }
          };
          return await alternate({ round, message }, signal);
        } finally {
          segment.close();
          await peer.end();
        }
      }),
    ),

  async connect(signal) {
    const exporter = await startPeer('exporter', [], signal);
    const controller = openController();
    try {
      const target = { id: Number(exporter.ready) };
      const connect = (times: number) => {
        for (let i = 0; i < times; i += 1) controller.connectSync(target).close();
      };
      return [line('connect and close', (await alternate({ connect }, signal)).connect)];
    } finally {
      controller.close();
      await exporter.end();
    }
  },

  rebind: (signal) =>
    withSegment(MIB, async (segment) => {
      const peer = await startPeer('toucher', [segment.id!], signal);
      const spare = [segment.memory, allocate(MIB)] as const;
      const target = new Uint8Array(MIB);
      let turn = 0;
      const rebind = (times: number) => {
        for (let i = 0; i < times; i += 1) segment.rebind(spare[++turn % 2]!);
      };
      const copy = (times: number) => {
        for (let i = 0; i < times; i += 1) target.set(new Uint8Array(spare[i % 2]!));
      };
      try {
        const found = await alternate({ rebind, copy }, signal);
        return [line('rebind', found.rebind, { name: 'a copy of the bytes', ...found.copy })];
      } finally {
        segment.close();
        await peer.end();
      }
    }),
};

async function bandwidth(size: number, signal: AbortSignal): Promise<Line[]> {
  return await withSegment(size, async (segment, controller) => {
    const importing = controller.connectSync({ id: segment.id! });
    const [block, other] = [new Uint8Array(size).fill(1), new Uint8Array(size).fill(2)];
    const repeat = (copy: () => void) => (times: number) => {
      for (let i = 0; i < times; i += 1) copy();
    };
    const found = await alternate(
      {
        put: repeat(() => importing.put(0, block)),
        get: repeat(() => importing.get(0, block)),
        set: repeat(() => other.set(block)),
      },
      signal,
    );
    importing.close();
    const reference = { name: 'set of a Uint8Array', ...rateOf(size, found.set) };
    const row = (name: string, time: Figure): Line => {
      return { name: `${name} ${bytes(size)}`, unit: 'B/s', here: rateOf(size, time), beside: reference };
    };
    return [row('put', found.put), row('get', found.get)];
  });
}

function line(name: string, here: Figure, reference?: Line['beside']): Line {
  return { name, unit: 'ns', here, ...(reference && { beside: reference }) };
}

/** A published segment, for as long as the work takes. */
async function withSegment<T>(
  length: number,
  work: (segment: ExportSegment, controller: Controller) => Promise<T>,
): Promise<T> {
  const controller = openController();
  const memory = allocate(length);
  const segment = controller.createExport(memory, { allowRebind: true });
  try {
    segment.publish({ access: [{ node: controller.nodeId, permission: 0o600 }] });
    return await work(segment, controller);
  } finally {
    segment.close();
    release(memory);
    controller.close();
  }
}

/** Round trips, measured in turn with those of a message that Node.js carries between two processes. */
async function beside(
  name: string,
  signal: AbortSignal,
  measure: (message: (times: number) => Promise<void>) => Promise<{ round: Figure; message: Figure }>,
): Promise<Line[]> {
  const echo: Peer = await startPeer('echo', [], signal);
  try {
    const { round, message } = await measure(async (times) => {
      for (let i = 0; i < times; i += 1) await echo.ask(MESSAGE);
    });
    return [line('round trip', round, { name, ...message })];
  } finally {
    await echo.end();
  }
}

function spinUntilAnswered(words: Int32Array, turn: number): void {
  Atomics.store(words, 0, turn);
  const begin = performance.now();
  while (performance.now() - begin < PATIENCE_MS) {
    for (let spin = 0; spin < SPINS; spin += 1) if (Atomics.load(words, LINE_WORDS) === turn) return;
  }
  throw lost();
}

function lost(): CommandError {
  return new CommandError('the other process of the measurement does not answer.');
}
