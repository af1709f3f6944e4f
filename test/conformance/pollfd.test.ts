/** Descriptors of segments (rsmapi.md 2.9). */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as rsm from '../../src/librsm/index.ts';
import { counts } from '../support/counts.ts';
import { arrived, exported, imported, later, peer } from '../support/scene.ts';

type Handle = rsm.rsm_memseg_export_handle_t | rsm.rsm_memseg_import_handle_t;
const POLLIN = 0x001;
const POLLNVAL = 0x020;
const POLLRDNORM = 0x040;
const { rsm_memseg_get_pollfd: get, rsm_memseg_release_pollfd: release, rsm_intr_signal_post: post } = rsm;
const waitFor = rsm.rsm_intr_signal_wait_pollfd;
const blank = (): rsm.pollfd => ({ fd: -1, events: 0, revents: 0 });
const SOON = 5000;

/** The entry of a segment, as get_pollfd fills it. */
function entryOf(segment: Handle): rsm.pollfd {
  const entry = blank();
  expect(get(segment, entry)).toBe(0);
  return entry;
}

/** A pair of a segment and one that posts to it. */
function pair(): { waiter: Handle; poster: rsm.rsm_memseg_import_handle_t } {
  const { segment, id } = exported();
  return { waiter: segment, poster: imported({ id }).segment };
}

/** An ordinary descriptor that is readable once something is written to it. */
function pipe(): number {
  const folder = mkdtempSync(join(tmpdir(), 'rsm-fifo-'));
  const path = join(folder, 'fifo');
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  later(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });
  return fd;
}

test('C-188 the descriptor goes with the segment, not with the collection of its handle', () => {
  const open = () => {
    const { segment, id } = exported();
    const importer = imported({ id }).segment;
    for (const handle of [segment, importer]) {
      entryOf(handle);
      expect(release(handle)).toBe(0);
    }
    expect(rsm.rsm_memseg_import_disconnect(importer)).toBe(0);
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  };
  open();
  const before = counts().descriptors;
  const kept = exported().segment; // each pair allocates memory, which has a descriptor of its own
  const perMemory = counts().descriptors - before;
  for (let i = 0; i < 20; i++) open();
  expect(counts().descriptors - before).toBeLessThanOrEqual(21 * perMemory);
  expect(rsm.rsm_memseg_export_destroy(kept)).toBe(0);
});

test('C-187 get_pollfd on an unpublished export segment returns BAD_SEG_HNDL (D-35)', () => {
  const { segment } = exported({ id: false });
  const entry = blank();
  expect(get(segment, entry)).toBe(rsm.RSMERR_BAD_SEG_HNDL);
  expect(entry).toEqual(blank());
  expect(rsm.rsm_memseg_export_publish(segment, rsm.out(0), null, 0)).toBe(0);
  expect(get(segment, entry)).toBe(0);
});

test('C-187 an aborted import segment counts as connected', () => {
  const { segment: owner, id } = exported();
  const { segment } = imported({ id });
  expect(rsm.rsm_memseg_export_destroy(owner)).toBe(0);
  expect(get(segment, blank())).toBe(0);
});

describe('C-188 get_pollfd', () => {
  test('C-188 sets fd and events, leaves revents, and gives the same descriptor each time', () => {
    const { segment, id } = exported();
    for (const handle of [segment, imported({ id }).segment]) {
      const entries = [1, 2, 3].map((revents) => ({ fd: -1, events: 0, revents }));
      for (const entry of entries) expect(get(handle, entry)).toBe(0);
      expect(entries.map(({ revents }) => revents)).toEqual([1, 2, 3]);
      expect(new Set(entries.map(({ fd }) => fd)).size).toBe(1);
      expect(entries[0]!.fd).toBeGreaterThanOrEqual(0);
      expect(entries.map(({ events }) => events)).toEqual(new Array(3).fill(POLLRDNORM));
    }
  });

  test('C-188 counts each call', () => {
    const { segment } = exported();
    entryOf(segment);
    entryOf(segment);
    release(segment);
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
    release(segment);
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  });

  test('C-188 a null pollfd returns BAD_ADDR and counts nothing (D-43)', () => {
    const { segment } = exported();
    expect(get(segment, null as never)).toBe(rsm.RSMERR_BAD_ADDR);
    expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
  });
});

test('C-189 release_pollfd without reference returns 0, and the count stays 0', () => {
  const { segment } = exported();
  expect([release(segment), release(segment)]).toEqual([0, 0]);
  entryOf(segment);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(rsm.RSMERR_POLLFD_IN_USE);
  expect(release(segment)).toBe(0);
  expect(rsm.rsm_memseg_export_destroy(segment)).toBe(0);
});

describe('C-190 wait_pollfd on segments', () => {
  test('C-190 reports POLLRDNORM, consumes one event, counts the ready entries', () => {
    const [first, second] = [pair(), pair()];
    const fds = [entryOf(first.waiter), entryOf(second.waiter)];
    const ready = rsm.out<number>();
    expect([post(second.poster, 0), post(second.poster, 0)]).toEqual([0, 0]);
    arrived(second.poster);
    expect(waitFor(fds, 2, SOON, ready)).toBe(0);
    expect(fds.map(({ revents }) => revents)).toEqual([0, POLLRDNORM]);
    expect(ready.value).toBe(1);
    expect(rsm.rsm_intr_signal_wait(second.waiter, 0)).toBe(0); // the other event of the two
    expect(rsm.rsm_intr_signal_wait(second.waiter, 0)).toBe(rsm.RSMERR_TIMEOUT);
  });

  test('C-190 both kinds of segment, several at once', () => {
    const { segment: owner, id } = exported();
    const { segment } = imported({ id });
    const fds = [entryOf(owner), entryOf(segment)];
    expect([post(owner, 0), post(segment, 0)]).toEqual([0, 0]);
    arrived(segment);
    const ready = rsm.out<number>();
    expect(waitFor(fds, 2, SOON, ready)).toBe(0);
    expect([ready.value, ...fds.map(({ revents }) => revents)]).toEqual([2, POLLRDNORM, POLLRDNORM]);
    expect(waitFor(fds, 2, 0, ready)).toBe(rsm.RSMERR_TIMEOUT);
    expect(ready.value).toBe(0);
  });

  test('C-190 only the first nfds entries count', () => {
    const { waiter, poster } = pair();
    const fds = [blank(), entryOf(waiter)];
    expect(post(poster, 0)).toBe(0);
    expect(waitFor(fds, 1, 0, null)).toBe(rsm.RSMERR_TIMEOUT);
    expect(fds[1]!.revents).toBe(0);
    expect(waitFor(fds, 2, SOON, null)).toBe(0);
  });
});

describe('C-191 other descriptors', () => {
  test('C-191 are reported as poll does, with or without a segment beside them', () => {
    const { waiter } = pair();
    const fd = pipe();
    const fds = [entryOf(waiter), { fd, events: POLLIN, revents: 0 }];
    expect(waitFor(fds, 2, 0, null)).toBe(rsm.RSMERR_TIMEOUT);
    writeSync(fd, 'x');
    const ready = rsm.out<number>();
    expect(waitFor(fds, 2, SOON, ready)).toBe(0);
    expect([ready.value, fds[0]!.revents, fds[1]!.revents]).toEqual([1, 0, POLLIN]);
    expect(waitFor(fds, 2, SOON, undefined as never)).toBe(0); // still readable: nothing is consumed
    readSync(fd, new Uint8Array(1));
    expect(waitFor(fds, 2, 0, null)).toBe(rsm.RSMERR_TIMEOUT);
    const closed = [{ fd: 19_999, events: POLLIN, revents: 0 }];
    expect(waitFor(closed, 1, 0, ready)).toBe(0);
    expect([ready.value, closed[0]!.revents]).toEqual([1, POLLNVAL]);
  });

  test('C-191 an event and a readable descriptor count together', () => {
    const { waiter, poster } = pair();
    const fd = pipe();
    writeSync(fd, 'x');
    expect(post(poster, 0)).toBe(0);
    arrived(poster);
    const fds = [{ fd, events: POLLIN | POLLRDNORM, revents: 0 }, entryOf(waiter)];
    const ready = rsm.out<number>();
    expect(waitFor(fds, 2, SOON, ready)).toBe(0);
    expect([ready.value, fds[0]!.revents, fds[1]!.revents]).toEqual([2, POLLIN | POLLRDNORM, POLLRDNORM]);
  });
});

test('C-192 a descriptor whose reference was released reports readiness and consumes nothing (D-26)', () => {
  const { waiter, poster } = pair();
  const entry = entryOf(waiter);
  expect(release(waiter)).toBe(0);
  expect(post(poster, 0)).toBe(0);
  const ready = rsm.out<number>();
  for (let n = 0; n < 3; n++) {
    entry.revents = 0;
    expect(waitFor([entry], 1, SOON, ready)).toBe(0);
    expect([ready.value, entry.revents]).toEqual([1, POLLRDNORM]);
  }
  expect(rsm.rsm_intr_signal_wait(waiter, 0)).toBe(0);
  expect(rsm.rsm_intr_signal_wait(waiter, 0)).toBe(rsm.RSMERR_TIMEOUT);
});

describe('C-193 nothing ready, invalid arguments', () => {
  test('C-193 nothing ready returns TIMEOUT with *numfdsp 0, not before the time', () => {
    const { waiter } = pair();
    const ready = rsm.out<number>(7);
    const start = performance.now();
    expect(waitFor([entryOf(waiter)], 1, 80, ready)).toBe(rsm.RSMERR_TIMEOUT);
    expect(performance.now() - start).toBeGreaterThanOrEqual(79);
    expect(ready.value).toBe(0);
    expect(waitFor([], 0, 10, ready)).toBe(rsm.RSMERR_TIMEOUT);
  });

  test('C-193 an event that was taken before its bell rang does not end a wait before the time', async () => {
    const { segment, id } = exported();
    const fds = [entryOf(segment)];
    const poster = await peer();
    await poster.import({ id });
    for (let round = 0; round < 200; round += 1) {
      const posted = poster.run(({ rsm, kept }) => rsm.rsm_intr_signal_post(kept.imported.segment, 0));
      while (rsm.rsm_intr_signal_wait(segment, 0) !== 0);
      const start = performance.now();
      expect(waitFor(fds, 1, 5, null)).toBe(rsm.RSMERR_TIMEOUT);
      expect(performance.now() - start).toBeGreaterThanOrEqual(5);
      await posted;
    }
  });

  test('C-193 descriptors and events that are wider than in C return BAD_ARGS_ERRORS and consume nothing', () => {
    const { segment, id } = exported();
    const entry = entryOf(segment);
    expect(post(imported({ id }).segment, 0)).toBe(0);
    const { fd, events } = entry;
    for (const wide of [
      { ...entry, fd: fd + 2 ** 32 },
      { ...entry, events: events + 2 ** 16 },
    ]) {
      expect(waitFor([wide], 1, 0, null)).toBe(rsm.RSMERR_BAD_ARGS_ERRORS);
    }
    expect(waitFor([entry], 1, SOON, null)).toBe(0);
    expect(release(segment)).toBe(0);
  });

  test('C-193 more entries than a process may have descriptors return BAD_ARGS_ERRORS (117)', async () => {
    const small = await peer({ limits: ['--nofile=64:64'] });
    const [code, count] = await small.run(({ rsm }) => {
      const many = Array.from({ length: 100 }, () => ({ fd: -1, events: 0, revents: 0 }));
      const ready = rsm.out<number>(7);
      return [rsm.rsm_intr_signal_wait_pollfd(many, 100, 0, ready), ready.value];
    });
    expect([code, count]).toEqual([117, 0]);
    expect(rsm.RSMERR_BAD_ARGS_ERRORS).toBe(117);
  });
});
