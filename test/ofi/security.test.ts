/**
 * Importers that mean no good, with the fabric addon in their own hands: each is cut off or gets nothing, the gateway
 * logs once who it was and why, and the others notice nothing.
 */
import { createConnection } from 'node:net';
import { expect } from 'vitest';
import { fabric, type NativeEndpoint, type NativeRemote } from '../../src/native/index.ts';
import { type GatewayAnswer, GatewayClient } from '../../src/node/index.ts';
import { until } from '../support/actors.ts';
import { exportOn, keep, LENGTH, log, nodeOf, pair, test } from './scene.ts';

const PATIENCE_MS = 20_000;
const WITHOUT_A_WORD = /ended without a word while it had 1 segments: .* reached for what it was not granted/;

type Granted = Extract<GatewayAnswer, { type: 'connected' }>;

interface Hostile {
  granted: Granted;
  /** With what the gateway granted, changed at will. */
  open(changed?: Partial<Granted['grant']>): NativeRemote;
}

/** Granted a segment as anybody is. */
function hostile(id: number, permission = 0o600): Hostile {
  const client = GatewayClient.dial(nodeOf(2).runtime, process.geteuid!(), PATIENCE_MS)!;
  keep({ [Symbol.dispose]: () => client.close() });
  const granted = client.askSync({ type: 'connect', node: 1, id, permission }, PATIENCE_MS);
  if (granted?.type !== 'connected') throw new Error(JSON.stringify(granted));
  const { host, port, ticket } = granted.fabric!;
  const endpoint = present(host, port, ticket) as NativeEndpoint;
  const open: Hostile['open'] = (changed) =>
    fabric().openRemote(endpoint, { ...granted.grant, ...changed }) as NativeRemote;
  return { granted, open };
}

function present(
  host: string,
  port: number,
  ticket: Uint8Array,
): ReturnType<ReturnType<typeof fabric>['connect']> {
  const provider = fabric().provider('auto') as string;
  const made = fabric().connect({ provider, host, port }, ticket, PATIENCE_MS);
  if (!('code' in made)) keep({ [Symbol.dispose]: () => fabric().closeEndpoint(made) });
  return made;
}

const put = (remote: NativeRemote, offset = 0) => fabric().put(remote, offset, Uint8Array.of(66), 0, 1, true);

/** Waits until the gateway of node 1 has spoken of somebody: all of whom and why. */
async function refusals(): Promise<[unknown, unknown][]> {
  const found = () => log.filter(({ gateway, msg }) => gateway === 1 && msg === 'refused');
  await until(() => found().length > 0);
  return found().map(({ who, why }) => [who, why]);
}

/** As the gateway calls this process, whoever it is: what is said of one of a user is said of him once a minute. */
const MINE = `node 2, uid ${process.geteuid!()}`;

const shifted = ({ key, base }: { key: bigint; base: bigint }) => ({ key: key ^ 1n, base });

test('who reaches for what he was not granted is cut off, and spoken of once', async () => {
  const { imported, id, bytes } = pair();
  const other = hostile(id);
  const cheats: [number, (one: Hostile) => Partial<Granted['grant']>, number][] = [
    [0o600, ({ granted }) => ({ data: shifted(granted.grant.data) }), 0], // a guessed key
    [0o600, () => ({ data: other.granted.grant.data }), 0], // the key of another importer
    [0o600, () => ({ lengthBytes: 2 * LENGTH }), LENGTH], // beyond the segment
    [0o400, () => ({ permission: 0o600 }), 0], // writing where it may read
    [0o600, ({ granted }) => ({ data: granted.grant.control }), 0], // writing the control pages
  ];
  for (const [permission, forge, offset] of cheats) {
    const one = hostile(id, permission);
    const remote = one.open(forge(one));
    expect(put(remote, offset)).not.toBe(0);
    expect(fabric().isWhole(remote)).toBe(false);
    expect(bytes.includes(66)).toBe(false);
    imported.put(0, Uint8Array.of(7));
  }
  expect(put(other.open(), 1)).toBe(0);
  expect(bytes.slice(0, 2)).toEqual(Uint8Array.of(7, 66));
  expect(await refusals()).toEqual([[MINE, expect.stringMatching(WITHOUT_A_WORD)]]);
});

test('who breaks the rules of messages is cut off, and spoken of at once', async () => {
  const { imported, id } = pair(); // without lock operations
  log.length = 0;
  for (let times = 0; times < 3; times++) {
    const remote = hostile(id).open();
    fabric().requestLock(remote, 0, 1, false);
    await until(() => put(remote) !== 0);
  }
  expect(await refusals()).toEqual([[MINE, 'sent what breaks the rules, on the fabric']]);
  imported.put(0, Uint8Array.of(7));
});

test('a key that was revoked reaches no memory of the exporter', () => {
  const { exported, bytes, id, exporting } = pair();
  const other = exportOn(exporting);
  const one = hostile(id);
  expect(put(one.open())).toBe(0);
  exported.unpublish();
  bytes.fill(0);
  for (let times = 0; times < 10; times++) put(one.open(), times);
  expect(bytes.includes(66)).toBe(false);
  expect(new Uint8Array(other.memory).includes(66)).toBe(false);
});

test('a ticket lets in once, and a guessed one never; the address is spoken of once', async () => {
  const { imported, id } = pair();
  log.length = 0;
  const one = hostile(id);
  const { host, port, ticket } = one.granted.fabric!;
  const guessed = Buffer.from(ticket);
  guessed[0]! ^= 1;
  for (const tried of [ticket, guessed, Buffer.alloc(ticket.length), ticket]) {
    expect(present(host, port, tried)).toMatchObject({ code: expect.any(Number) });
  }
  expect(await refusals()).toEqual([['127.0.0.1', 'presented no ticket that is good, on the fabric']]);
  expect(put(one.open())).toBe(0);
  imported.put(0, Uint8Array.of(7));
});

test('a flood of connections that say nothing keeps nobody off the fabric', async () => {
  const { imported, id } = pair();
  const { host, port } = hostile(id).granted.fabric!;
  const flood = Array.from({ length: 200 }, () => createConnection(port, host).on('error', () => {}));
  await Promise.all(flood.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  expect(put(hostile(id).open())).toBe(0);
  imported.put(0, Uint8Array.of(7));
  for (const socket of flood) socket.destroy();
});
