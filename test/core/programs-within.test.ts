/** Arguments can run code of the program: getters that call the library themselves, a signal that throws. */
import { expect, test } from 'vitest';
import { allocate } from '../../src/api/index.ts';
import { later, openEnd, PAGE } from '../support/scene.ts';

const code = (name: string) => expect.objectContaining({ code: `RSMERR_${name}` });
const mine = new Error('of the program');

function both() {
  const owner = openEnd('exporting').createExport(allocate(PAGE), { lockOps: true });
  const importer = openEnd('importing').connectSync({ id: owner.publish() });
  later(() => {
    importer.close();
    owner.close();
  });
  return { owner, importer };
}

/** An access list whose reading does something else. */
const listThat = (does: () => void) => [
  {
    permission: 0o600,
    get node() {
      does();
      return 0;
    },
  },
];

/** A signal on which nobody can listen. */
function deaf(): AbortSignal {
  const { signal } = new AbortController();
  signal.addEventListener = () => {
    throw mine;
  };
  return signal;
}

test('C-069 published while its access list is read: the first publication is unaffected', () => {
  const owner = openEnd('exporting').createExport(allocate(PAGE));
  later(() => owner.close());
  let id = 0;
  const within = listThat(() => {
    id = owner.publish();
  });
  expect(() => owner.publish({ access: within })).toThrow(code('SEG_ALREADY_PUBLISHED'));
  expect(owner.id).toBe(id);
  openEnd('importing').connectSync({ id }).close();
});

test('closed or withdrawn while its access list is read: nothing is published', () => {
  const { owner } = both();
  expect(() => owner.republish(listThat(() => owner.unpublish()))).toThrow(code('SEG_NOT_PUBLISHED'));
  expect(() => owner.publish({ access: listThat(() => owner.close()) })).toThrow(code('BAD_SEG_HNDL'));
  expect(owner.id).toBeUndefined();
});

test('a wait whose signal takes no listener ends, and takes no event from others', async () => {
  const { owner, importer } = both();
  await expect(importer.wait({ signal: deaf() })).rejects.toBe(mine);
  const next = importer.wait({ timeoutMs: 10_000 });
  owner.post();
  await next;
});

test('nor does it take a lock', async () => {
  const { owner, importer } = both();
  const held = owner.lock(0).tryAcquire()!;
  await expect(importer.lock(0).acquire({ signal: deaf() })).rejects.toBe(mine);
  held.release();
  (await owner.lock(0).acquire({ timeoutMs: 10_000 })).release();
});
