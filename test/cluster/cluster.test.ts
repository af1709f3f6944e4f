/** The directory of a cluster: what is made, and what is never made again. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { nodeName, nodeOf } from '../../src/cluster/identity.ts';
import { addNode, initCluster } from '../../src/cluster/index.ts';
import { readConfiguration } from '../../src/node/index.ts';

const base = mkdtempSync(join(tmpdir(), 'rsm-test-'));
afterAll(() => rmSync(base, { recursive: true }));

let last = 0;
async function made(...ids: number[]): Promise<string> {
  const folder = join(base, `cluster-${++last}`);
  await initCluster(folder);
  for (const id of ids) await addNode(folder, { id, address: `10.0.0.${id}:7460`, trustedNetwork: true });
  return folder;
}

function mode(...path: string[]): number {
  return statSync(join(...path)).mode & 0o777;
}

function certificate(...path: string[]): X509Certificate {
  return new X509Certificate(readFileSync(join(...path)));
}

describe('a cluster', () => {
  test('is an authority, and a directory for each node that its machine can use', async () => {
    const folder = await made(1, 2);
    const ca = certificate(folder, 'ca.crt');
    expect(ca.ca).toBe(true);
    for (const id of [1, 2]) {
      const own = certificate(folder, `node-${id}`, `node-${id}.crt`);
      expect(own.verify(ca.publicKey)).toBe(true);
      expect(own.ca).toBe(false);
      expect(nodeOf({ subjectaltname: own.subjectAltName })).toBe(id);
      const read = readConfiguration(join(folder, `node-${id}`, 'rsm.toml'));
      expect(read.nodeId).toBe(id);
      expect(read.peers.map((peer) => peer.id)).toEqual([3 - id]);
      expect(read.controllers).toHaveLength(1);
    }
  });

  test('shows keys to their owner only, and what processes read to everybody', async () => {
    const before = process.umask(0);
    const folder = await made(1);
    process.umask(before);
    expect([mode(folder), mode(folder, 'ca.key'), mode(folder, 'node-1', 'node-1.key')]).toEqual([
      0o700, 0o600, 0o600,
    ]);
    expect([mode(folder, 'node-1'), mode(folder, 'node-1', 'rsm.toml')]).toEqual([0o755, 0o644]);
  });

  test('is made once, and so is a node', async () => {
    const folder = await made(1);
    const files = ['ca.key', 'ca.crt', 'node-1/node-1.key', 'node-1/node-1.crt', 'node-1/rsm.toml'];
    const contents = () => files.map((file) => readFileSync(join(folder, file), 'utf8'));
    const before = contents();
    await expect(initCluster(folder)).rejects.toThrow(/is a cluster already/);
    const again = { id: 1, address: '10.0.0.9:7460', trustedNetwork: true };
    await expect(addNode(folder, again)).rejects.toThrow(/is there already/);
    await expect(addNode(folder, { ...again, id: 2, address: '10.0.0.1:7460' })).rejects.toThrow(
      /node 1 has the address/,
    );
    expect(contents()).toEqual(before);
  });

  test('gives the new peer to files that people have changed, and keeps what they wrote', async () => {
    const folder = await made(1);
    const file = join(folder, 'node-1', 'rsm.toml');
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n# ours\n[limits]\nmax-segments = 9`);
    chmodSync(file, 0o640);
    await addNode(folder, { id: 2, address: 'two:7460', trustedNetwork: false });
    const read = readConfiguration(file);
    expect(read.limits.maxSegments).toBe(9);
    expect(read.peers).toEqual([{ id: 2, address: { host: 'two', port: 7460 } }]);
    expect(readFileSync(file, 'utf8')).toContain('# ours');
    expect(mode(file)).toBe(0o640);
  });

  test('takes a node back that was removed, at the address that the others know', async () => {
    const folder = await made(1, 2);
    rmSync(join(folder, 'node-2'), { recursive: true });
    const elsewhere = { id: 2, address: '10.0.0.7:7460', trustedNetwork: true };
    await expect(addNode(folder, elsewhere)).rejects.toThrow(/has node 2 at 10.0.0.2:7460/);
    await addNode(folder, { ...elsewhere, address: '10.0.0.2:7460' });
    expect(readConfiguration(join(folder, 'node-1', 'rsm.toml')).peers).toHaveLength(1);
  });

  test('has no fabric where nobody has said that the network is trusted', async () => {
    const folder = await made();
    await addNode(folder, { id: 1, address: '10.0.0.1:7460', trustedNetwork: false });
    await addNode(folder, { id: 2, address: '127.0.0.1:7460', trustedNetwork: false });
    await addNode(folder, { id: 3, address: 'localhost:7461', trustedNetwork: false });
    await addNode(folder, { id: 4, address: 'a-name:7460', trustedNetwork: true });
    const controllers = (id: number) => readConfiguration(join(folder, `node-${id}`, 'rsm.toml')).controllers;
    expect([1, 2, 3, 4].map((id) => controllers(id).map(({ address }) => address))).toEqual([
      [],
      ['127.0.0.1'],
      ['127.0.0.1'],
      [],
    ]);
  });

  test('has all of its nodes in all of their files, also where several are added at the same time', async () => {
    const folder = await made();
    const ids = [1, 2, 3, 4, 5];
    await Promise.all(
      ids.map((id) => addNode(folder, { id, address: `10.0.0.${id}:7460`, trustedNetwork: true })),
    );
    for (const id of ids) {
      const { peers } = readConfiguration(join(folder, `node-${id}`, 'rsm.toml'));
      expect(peers.map((peer) => peer.id).sort()).toEqual(ids.filter((other) => other !== id));
    }
  });

  test('is not made of what is no cluster', async () => {
    const node = { id: 1, address: '10.0.0.1:7460', trustedNetwork: true };
    await expect(addNode(join(base, 'nothing'), node)).rejects.toThrow(/no cluster.*rsm cluster init/);
    const folder = await made(1);
    writeFileSync(join(folder, 'node-1', 'rsm.toml'), '[node]\nid = 9\n');
    await expect(addNode(folder, { ...node, id: 2, address: 'x:1' })).rejects.toThrow(
      /not that of a gateway of node 1/,
    );
  });
});

describe('nodeOf', () => {
  test('reads what nodeName wrote', () => {
    for (let node = 0; node < 64; node++)
      expect(nodeOf({ subjectaltname: `URI:${nodeName(node)}` })).toBe(node);
  });

  test.each([
    '',
    'URI:rsm:node:64',
    'URI:rsm:node:01',
    'URI:rsm:node:',
    'URI:rsm:node:1, URI:rsm:node:2',
    'DNS:rsm:node:1',
    'URI:rsm:node:1\n',
    'URI:"rsm:node:1"',
    'DNS:a, URI:rsm:node:1',
  ])('%j is no node', (subjectaltname) => {
    expect(nodeOf({ subjectaltname })).toBeUndefined();
  });

  test('takes nothing else for a node', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^\d{1,2}$/.test(text));
        expect(nodeOf({ subjectaltname: `URI:rsm:node:${text}` })).toBeUndefined();
      }),
    );
  });
});
