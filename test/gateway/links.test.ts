/** Links between gateways: who gets one, and what becomes of it. */
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { issueCertificate, makeAuthority } from '../../src/cluster/certificates.ts';
import { type Frame, FrameSchema } from '../../src/gateway/wire/link_pb.ts';
import { FrameReader, frameOf } from '../../src/node/index.ts';
import { cluster, edit, linked, type Started, start, stateOf, stop, type TestNode, until } from './scene.ts';

test('two gateways find each other, in either order, and again after one has ended', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const first = await start(one);
  expect((await stateOf(one, 2)).up).toBe(false);
  const second = await start(two);
  await linked(one, two);
  expect((await stateOf(one, 2)).controllers).toEqual([{ name: 'ofi0', hardwareAddress: 0x7f000001n }]);
  stop(second);
  await until('node 1 knows', async () => !(await stateOf(one, 2)).up);
  expect((await stateOf(one, 2)).why).not.toBe('');
  await start(two);
  await linked(one, two);
  stop(first);
  await until('node 2 knows', async () => !(await stateOf(two, 1)).up);
  await start(one);
  await linked(one, two);
});

/** A gateway that a test plays, with any certificate. */
interface Played {
  socket: TLSSocket;
  frames: Frame['body'][];
  closed: Promise<void>;
  send(body: Parameters<typeof create<typeof FrameSchema>>[1] & object): void;
}

function play(to: TestNode, files: { cert: string; key: string; ca: string }): Played {
  const frames: Frame['body'][] = [];
  const reader = new FrameReader();
  const socket = connect({
    host: '127.0.0.1',
    port: to.port,
    ...files,
    checkServerIdentity: () => undefined,
  });
  socket.on('data', (bytes) => {
    for (const body of reader.push(bytes)) frames.push(fromBinary(FrameSchema, body).body);
  });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const send: Played['send'] = (frame) =>
    socket.write(frameOf(toBinary(FrameSchema, create(FrameSchema, frame))));
  return { socket, frames, closed, send };
}

function filesOf({ id, folder }: TestNode): { cert: string; key: string; ca: string } {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  return { cert: read(`node-${id}.crt`), key: read(`node-${id}.key`), ca: read('ca.crt') };
}

function hello(node: number, version = 1) {
  return { body: { case: 'hello' as const, value: { version, node, controllers: [] } } };
}

function refusals({ lines }: Started): unknown[] {
  return lines.filter(({ msg }) => msg === 'refused').map(({ why }) => why);
}

test.each([
  ['another cluster', /^its certificate is refused: .*VERIFY/],
  ['an expired certificate', /^its certificate is refused: CERT_HAS_EXPIRED$/],
  ['a certificate that names no node', /names no node/],
  ['none at all', /^it has no certificate$/],
] as const)('%s gets no link, and is logged once, with address and reason', async (whose, reason) => {
  const { folder, nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(one);
  const own = filesOf(two);
  const authority = { certificate: own.ca, key: readFileSync(join(folder, 'ca.key'), 'utf8') };
  const issued = {
    'another cluster': async () => issueCertificate(await makeAuthority(), 2),
    'an expired certificate': () => issueCertificate(authority, 2, -1),
    'a certificate that names no node': () => issueCertificate(authority, 77),
    'none at all': async () => ({ certificate: '', key: '' }),
  }[whose]!;
  const { certificate, key } = await issued();
  for (let times = 0; times < 3; times++) {
    const played = play(one, { ca: own.ca, cert: certificate, key });
    await played.closed;
    expect(played.frames).toEqual([]);
  }
  expect(started.lines.filter(({ msg }) => msg === 'refused')).toEqual([
    expect.objectContaining({ who: '127.0.0.1', why: expect.stringMatching(reason) }),
  ]);
  expect((await stateOf(one, 2)).up).toBe(false);
  await start(two);
  await linked(one, two);
});

test('a node of the cluster that is no peer gets no link', async () => {
  const { nodes } = await cluster([1, 2, 3]);
  const [one, three] = [nodes.get(1)!, nodes.get(3)!];
  edit(one.config, (text) => text.replace(/\[\[peer\]\]\nid = 3\n.*\n/, ''));
  const started = await start(one);
  await play(one, filesOf(three)).closed;
  expect(refusals(started)).toEqual(['node 3 is no [[peer]] of this node']);
});

const PEER_2 = /\[\[peer\]\]\nid = 2\n.*\n/;

test('a peer that is taken out of the configuration, which is read again, is cut off at once; put back, it is linked', async () => {
  const { nodes } = await cluster([1, 2, 3]);
  const [one, two, three] = [nodes.get(1)!, nodes.get(2)!, nodes.get(3)!];
  const started = await start(one);
  await start(two);
  await start(three);
  await linked(one, two);
  await linked(one, three);
  const whole = readFileSync(one.config, 'utf8');
  edit(one.config, (text) => text.replace(PEER_2, ''));
  started.gateway.reload();
  await until('node 2 knows', async () => !(await stateOf(two, 1)).up);
  expect(await stateOf(one, 2)).toBeUndefined();
  expect(started.lines.filter(({ msg }) => msg === 'link down').map(({ peer }) => peer)).toEqual([2]);
  const proven = play(one, filesOf(two));
  await proven.closed;
  expect(refusals(started)).toEqual(['node 2 is no [[peer]] of this node']);
  expect((await stateOf(one, 3)).up).toBe(true);
  edit(one.config, () => whole);
  started.gateway.reload();
  await linked(one, two);
});

test('a configuration that cannot be read again changes nothing; what is for the next start is said', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(one);
  await start(two);
  await linked(one, two);
  const whole = readFileSync(one.config, 'utf8');
  edit(one.config, (text) => text.replace(PEER_2, 'rubbish'));
  started.gateway.reload();
  expect(started.lines.at(-1)).toMatchObject({ level: 50, msg: 'not read again; all stays as it is' });
  edit(one.config, () => whole.replace('[gateway]\n', '[gateway]\nsquash = "all"\n'));
  started.gateway.reload();
  expect(started.lines.at(-1)!.msg).toContain('for the next start');
  expect((await stateOf(one, 2)).up).toBe(true);
  expect(started.lines.filter(({ msg }) => msg === 'link down')).toEqual([]);
});

test('a new certificate, read again, is for the links that come', async () => {
  const { folder, nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(two); // it listens
  const authority = { certificate: filesOf(one).ca, key: readFileSync(join(folder, 'ca.key'), 'utf8') };
  const { certificate, key } = await issueCertificate(authority, 2);
  writeFileSync(join(two.folder, 'node-2.crt'), certificate);
  writeFileSync(join(two.folder, 'node-2.key'), key);
  const shown = async () => {
    const played = play(two, filesOf(one));
    await new Promise((resolve) => played.socket.once('secureConnect', resolve));
    const { serialNumber } = played.socket.getPeerX509Certificate()!;
    played.socket.destroy();
    return serialNumber;
  };
  const fresh = new X509Certificate(certificate).serialNumber;
  expect(await shown()).not.toBe(fresh);
  started.gateway.reload();
  expect(await shown()).toBe(fresh);
});

test('who has the certificate of another node is that node, whatever it says', async () => {
  const { nodes } = await cluster([1, 2, 3]);
  const [one, three] = [nodes.get(1)!, nodes.get(3)!];
  const started = await start(one);
  await start(nodes.get(2)!);
  await linked(one, nodes.get(2)!);
  for (let times = 0; times < 3; times++) {
    const liar = play(one, filesOf(three));
    liar.send(hello(2));
    await liar.closed;
  }
  const said = () => started.lines.filter(({ why }) => /says that it is node 2/.test(String(why)));
  await until('it is said', () => said().length > 0);
  expect(said().map(({ peer }) => peer)).toEqual([3]);
  expect((await stateOf(one, 2)).up).toBe(true);
  expect((await stateOf(one, 3)).up).toBe(false);
});

test('an address of a peer where another node listens is not that peer', async () => {
  const { nodes } = await cluster([1, 2, 3]);
  const [one, two, three] = [nodes.get(1)!, nodes.get(2)!, nodes.get(3)!];
  edit(one.config, (text) =>
    text.replace(`:${two.port}"`, `:${three.port}"`).replace(/\[\[peer\]\]\nid = 3\n.*\n/, ''),
  );
  edit(three.config, (text) => text.replace(/\[\[peer\]\]\nid = 1\n.*\n/, ''));
  const started = await start(one);
  await start(three);
  await until('it is said', () =>
    started.lines.some(({ peer, why }) => peer === 2 && why === 'it is another node'),
  );
  expect((await stateOf(one, 2)).up).toBe(false);
});

/** After the hello; each ends the link and is heard of. */
test.each<[string, (played: Played) => void]>([
  ['no hello', (played) => played.send({ body: { case: 'heartbeat', value: {} } })],
  ['another version', (played) => played.send(hello(2, 9))],
  ['a second hello', (played) => [hello(2), hello(2)].forEach(played.send)],
  ['a frame without a body', (played) => [hello(2), {}].forEach(played.send)],
  [
    'an answer to nothing',
    (played) => {
      played.send(hello(2));
      played.send({ body: { case: 'refused', value: { request: 1, code: 7, detail: '' } } });
    },
  ],
  ['rubbish', (played) => played.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['a frame too long', (played) => played.socket.write(Buffer.from([1, 0, 1, 0]))],
  ['silence', () => {}],
])('%s ends the link', async (_name, act) => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(one);
  const played = play(one, filesOf(two));
  act(played);
  await played.closed;
  await until('it is said', () => started.lines.some(({ peer }) => peer === 2));
  await start(two);
  await linked(one, two);
});

test('who says nothing any more for three heartbeats has no link', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(one);
  const played = play(one, filesOf(two));
  played.send(hello(2));
  await until('the link is up', async () => (await stateOf(one, 2)).up);
  await played.closed;
  expect(started.lines.find(({ msg }) => msg === 'link down')?.why).toMatch(/heartbeats/);
  expect(played.frames.filter((body) => body.case === 'heartbeat').length).toBeGreaterThan(1);
});

test('the newest link of a node counts', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  await start(one);
  const old = play(one, filesOf(two));
  old.send(hello(2));
  await until('the link is up', async () => (await stateOf(one, 2)).up);
  const fresh = play(one, filesOf(two));
  fresh.send(hello(2));
  await old.closed;
  expect((await stateOf(one, 2)).up).toBe(true);
  fresh.socket.destroy();
});

test('a flood of connections that say nothing keeps no peer out', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const started = await start(one);
  const flood = Array.from({ length: 200 }, () => createConnection(one.port, '127.0.0.1'));
  const closed = flood.map(
    (socket) => new Promise((resolve) => socket.on('error', () => {}).once('close', resolve)),
  );
  await start(two);
  await linked(one, two);
  await Promise.all(closed); // by deadline, with nothing sent
  expect(refusals(started)).toContain('too many handshakes at once');
  expect(refusals(started).length).toBeLessThan(5);
});

test('frames come out as they went in, however they are cut, and rubbish never but as a RangeError', () => {
  const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(bodies, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(frameOf));
      const reader = new FrameReader();
      const got: Buffer[] = [];
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const end = at + cuts[turn % cuts.length]!;
        got.push(...reader.push(stream.subarray(at, end)));
        at = end;
      }
      expect(got.map((body) => [...body])).toEqual(sent.map((body) => [...body]));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        for (const body of new FrameReader().push(bytes)) fromBinary(FrameSchema, body);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
  );
});

test('frames right but for a few bytes end their link at worst, and nothing else', async () => {
  const { nodes } = await cluster([1, 2]);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  await start(one);
  const good = [
    {
      body: { case: 'connect' as const, value: { request: 1, id: 0x400001, permission: 0o600, process: 1 } },
    },
    { body: { case: 'disconnect' as const, value: { connection: 1 } } },
    { body: { case: 'ended' as const, value: { connection: 1, code: 40 } } },
    { body: { case: 'processGone' as const, value: { process: 9 } } },
  ].map((frame) => toBinary(FrameSchema, create(FrameSchema, frame)));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...good), fc.nat(40), fc.nat(255)), { minLength: 1, maxLength: 10 }),
      async (frames) => {
        const played = play(one, filesOf(two));
        played.send(hello(2));
        for (const [bytes, at, value] of frames) {
          const spoiled = Buffer.from(bytes);
          spoiled[at % spoiled.length] = value;
          played.socket.write(frameOf(spoiled));
        }
        await until('it was heard', () => played.frames.length > 0 || played.socket.destroyed);
        played.socket.destroy();
        await played.closed;
      },
    ),
    { numRuns: 30 },
  );
  await start(two);
  await linked(one, two);
});
