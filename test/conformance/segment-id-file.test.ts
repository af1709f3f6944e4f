/** rsm_get_segmentid_range and /etc/rsm/rsm.segmentid (rsmapi.md 2.3, 3.9). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import type { Peer } from '../support/peer.ts';
import { later, peer, root } from '../support/scene.ts';

/** A process for which /etc/rsm/rsm.segmentid has this text; null: there is no such file. */
async function peerWithFile(text: string | null): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'rsm-etc-'));
  later(() => rmSync(folder, { recursive: true }));
  const [upper, work] = [join(folder, 'upper'), join(folder, 'work')];
  mkdirSync(join(upper, 'rsm'), { recursive: true });
  mkdirSync(work);
  if (text !== null) writeFileSync(join(upper, 'rsm', 'rsm.segmentid'), text);
  const mount = `mount -t overlay -o lowerdir=/etc,upperdir=${upper},workdir=${work} overlay /etc`;
  return peer({ through: ['unshare', '--mount', 'sh', '-c', `${mount} && exec "$@"`, 'sh'] });
}

interface Range {
  code: number;
  base: number | undefined;
  length: number | undefined;
}

/** What the file says for each application. */
async function ranges(text: string | null, ...appids: string[]): Promise<Range[]> {
  const reader = await peerWithFile(text);
  return reader.run(
    ({ rsm }, wanted: string[]) =>
      wanted.map((appid) => {
        const [base, length] = [rsm.out<number>(), rsm.out<number>()];
        const code = rsm.rsm_get_segmentid_range(appid, base, length);
        return { code, base: base.value, length: length.value };
      }),
    appids,
  );
}

const found = (base: number, length: number): Range => ({ code: 0, base, length });
const failed = (code: number): Range => ({ code, base: undefined, length: undefined });
const BAD_CONF = failed(rsm.RSMERR_BAD_CONF);
const BAD_APPID = failed(rsm.RSMERR_BAD_APPID);

test('C-194 any null argument returns BAD_ADDR', () => {
  const range = rsm.rsm_get_segmentid_range;
  expect(range(null as never, rsm.out(), rsm.out())).toBe(rsm.RSMERR_BAD_ADDR);
  expect(range('SUNWfoo', null as never, rsm.out())).toBe(rsm.RSMERR_BAD_ADDR);
  expect(range('SUNWfoo', rsm.out(), null as never)).toBe(rsm.RSMERR_BAD_ADDR);
});

describe.skipIf(!root)('the file', () => {
  test('C-195 a missing file is BAD_CONF, an application not listed BAD_APPID', async () => {
    expect(await ranges(null, 'SUNWfoo')).toEqual([BAD_CONF]);
    expect(await ranges('reserved SUNWfoo 0x600000 1000\n', 'SUNWbar', '')).toEqual([BAD_APPID, BAD_APPID]);
    expect(await ranges('', 'SUNWfoo')).toEqual([BAD_APPID]);
  });

  test('C-195 an unreadable file is BAD_CONF', async () => {
    const reader = await peerWithFile('reserved SUNWfoo 0x600000 1000\n');
    const code = await reader.run(({ rsm }) => {
      const { renameSync, mkdirSync } = process.getBuiltinModule('node:fs');
      renameSync('/etc/rsm/rsm.segmentid', '/etc/rsm/old'); // nothing is unreadable for root but a directory
      mkdirSync('/etc/rsm/rsm.segmentid');
      return rsm.rsm_get_segmentid_range('SUNWfoo', rsm.out(), rsm.out());
    });
    expect(code).toBe(rsm.RSMERR_BAD_CONF);
  });

  test('C-195 a FIFO is BAD_CONF: nobody waits for who writes to it', async () => {
    const reader = await peerWithFile('');
    const code = await reader.run(({ rsm }) => {
      const { renameSync } = process.getBuiltinModule('node:fs');
      const { execFileSync } = process.getBuiltinModule('node:child_process');
      renameSync('/etc/rsm/rsm.segmentid', '/etc/rsm/old');
      execFileSync('mkfifo', ['/etc/rsm/rsm.segmentid']);
      return rsm.rsm_get_segmentid_range('SUNWfoo', rsm.out(), rsm.out());
    });
    expect(code).toBe(rsm.RSMERR_BAD_CONF);
  });

  test('C-196 the base is hexadecimal, the length decimal', async () => {
    expect(await ranges('reserved SUNWfoo 0x600000 1000\n', 'SUNWfoo')).toEqual([found(0x600000, 1000)]);
    expect(await ranges('reserved\tSUNWfoo  600000 \t 010  more text\n', 'SUNWfoo')).toEqual([
      found(0x600000, 10),
    ]);
    expect(await ranges('reserved a 0X7fFfFfFf 1', 'a')).toEqual([found(0x7fffffff, 1)]); // no newline at the end
  });

  test('C-197 “reserve” and “reserved” in any case; any other keyword is BAD_CONF (D-23)', async () => {
    const text = 'reserve a 600000 1\nReserved b 600100 2\nRESERVE c 600200 3\nkeep d 600300 4\n';
    expect(await ranges(text, 'a', 'b', 'c', 'd')).toEqual([
      found(0x600000, 1),
      found(0x600100, 2),
      found(0x600200, 3),
      BAD_CONF,
    ]);
  });

  test('C-197 a keyword on another line does not matter', async () => {
    expect(await ranges('keep d 600300 4\nreserve a 600000 1\n', 'a')).toEqual([found(0x600000, 1)]);
  });

  test('C-197 a number out of range is BAD_CONF', async () => {
    const text =
      'reserved a 100000000 1\nreserved b xyz 1\nreserved c 600000 4294967296\nreserved d 600000 ten\n';
    expect(await ranges(text, 'a', 'b', 'c', 'd')).toEqual([BAD_CONF, BAD_CONF, BAD_CONF, BAD_CONF]);
  });

  test('C-198 appid ignores case, and the first matching line wins', async () => {
    const text = 'reserved SUNWfoo 600000 1\nreserved sunwFOO 700000 2\n';
    expect(await ranges(text, 'sunwfoo', 'SUNWFOO')).toEqual([found(0x600000, 1), found(0x600000, 1)]);
  });

  test('C-199 comments are skipped; a malformed line before the match is BAD_CONF, after it is not seen', async () => {
    const line = 'reserved a 600000 1\n';
    expect(await ranges(`# comment\n  # another\n${line}`, 'a')).toEqual([found(0x600000, 1)]);
    expect(await ranges(`\n${line}`, 'a')).toEqual([BAD_CONF]);
    expect(await ranges(`reserved b 600000\n${line}`, 'a')).toEqual([BAD_CONF]);
    expect(await ranges(`${line}\nreserved\n`, 'a', 'b')).toEqual([found(0x600000, 1), BAD_CONF]);
  });
});
