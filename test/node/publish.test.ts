import { closeSync, openSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { native } from '../../src/native/index.ts';
import { HEADER, RECORD_MAGIC, RECORD_VERSION } from '../../src/native/record-layout.ts';
import { type Node, openNode } from '../../src/node/index.ts';
import { as, directory, type Published, publish, runPrograms } from './scene.ts';

const lock = `${directory}/node.lock`;
const inUse = expect.objectContaining({ code: 'RSMERR_SEGID_IN_USE' });
const exhausted = expect.objectContaining({ code: 'RSMERR_INSUFFICIENT_RESOURCES' });

const nodes: Node[] = [];
const published: Published[] = [];
function node(): Node {
  nodes.push(openNode());
  return nodes.at(-1)!;
}
function publishing(where: Node, id?: number): Published {
  published.push(publish(where, id));
  return published.at(-1)!;
}

afterEach(() => {
  for (const segment of published.splice(0)) segment.unpublish();
  for (const open of nodes.splice(0)) open.close();
});

describe('system ids', () => {
  test('C-073 C-074 begin at 0x80000000, increase by one, over several publishers, and are not reused', () => {
    const [one, other] = [node(), node()];
    const first = publishing(one);
    expect(first.id).toBe(0x80000000);
    expect(publishing(other).id).toBe(0x80000001);
    first.unpublish();
    expect(publishing(one).id).toBe(0x80000002);
    expect(publishing(node()).id).toBe(0x80000003);
  });

  test('C-073 are unique among processes that publish at once', async () => {
    const printed = await runPrograms(
      4,
      `const node = openNode();
       console.log(JSON.stringify(Array.from({ length: 25 }, () => publish(node))));`,
    );
    const ids = printed.flatMap((text) => JSON.parse(text) as number[]);
    expect(new Set(ids).size).toBe(100);
    expect(Math.max(...ids) - Math.min(...ids)).toBe(99);
  });

  test('that are all used are INSUFFICIENT_RESOURCES', () => {
    writeFileSync(lock, 'fffffffe');
    const here = node();
    expect([publishing(here).id, publishing(here).id]).toEqual([0xfffffffe, 0xffffffff]);
    expect(() => publishing(here)).toThrow(exhausted);
    expect(() => publishing(here)).toThrow(exhausted);
  });

  test('begin anew, past those in use, where the file was lost or spoiled', () => {
    const here = node();
    writeFileSync(lock, 'zz');
    const first = publishing(here);
    unlinkSync(lock);
    expect([first.id, publishing(here).id]).toEqual([0x80000000, 0x80000001]);
    expect(readFileSync(lock, 'utf8')).toBe('80000002');
  });
});

describe('a claim', () => {
  test('C-076 keeps the id for one publisher of the node, until it unpublishes', () => {
    const first = publishing(node(), 0x400000);
    expect(() => publishing(node(), 0x400000)).toThrow(inUse);
    first.unpublish();
    expect(publishing(node(), 0x400000).id).toBe(0x400000);
  });

  test('C-076 counts between users', () => {
    publishing(node(), 0x400001);
    as(54_321, () => {
      const other = openNode();
      expect(() => publish(other, 0x400001)).toThrow(inUse);
      const theirs = publish(other, 0x400002);
      expect(() => publishing(node(), 0x400002)).toThrow(inUse);
      theirs.unpublish();
      other.close();
    });
  });

  test('is not made when native refuses; the id stays free and the lock is given back', () => {
    const here = node();
    const refusing = () => {
      throw new Error('refused');
    };
    expect(() => here.publish(0x400003, refusing)).toThrow('refused');
    expect(publishing(node(), 0x400003).id).toBe(0x400003);
  });

  test('is found: own first', () => {
    const here = node();
    expect([...here.find(0x400004)]).toEqual([]);
    publishing(here, 0x400004);
    const record = readdirSync(`${directory}/u/0`).find((name) => name.endsWith('.s'));
    expect([...here.find(0x400004)]).toEqual([{ socketPath: `${directory}/u/0/${record}`, uid: 0 }]);
  });
});

test('the record says whose it is', () => {
  publishing(node());
  const name = readdirSync(`${directory}/u/0`).find((file) => /^\d+\.\d+\.[0-9a-f]{8}$/.test(file));
  const words = new Uint32Array(new Uint8Array(readFileSync(`${directory}/u/0/${name}`)).buffer);
  const fields = [HEADER.magic, HEADER.version, HEADER.pid, HEADER.thread, HEADER.node];
  const said = fields.map(({ offset }) => words[offset / 4]);
  expect(said).toEqual([RECORD_MAGIC, RECORD_VERSION, process.pid, 0, 0]);
});

test('node.lock that somebody keeps is an error, not a hang', () => {
  const here = node();
  publishing(here);
  const fd = openSync(lock, 'r+');
  expect(native.lockFile(fd, true, 0)).toBe(true);
  expect(() => publishing(here)).toThrow(
    expect.objectContaining({
      code: 'RSMERR_INSUFFICIENT_RESOURCES',
      message: expect.stringContaining(lock),
    }),
  );
  closeSync(fd);
  expect(publishing(here).id).toBeGreaterThan(0);
});

test('closing a node twice is harmless, and it leaves no record', () => {
  const here = node();
  publishing(here).unpublish();
  here.close();
  here.close();
  expect(readdirSync(`${directory}/u/0`)).toEqual([]);
});
