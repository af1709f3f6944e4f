import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { openNode } from '../../src/node/index.ts';
import { killed } from '../support/runtime.ts';
import { as, directory, publish, runProgram, withNode } from './scene.ts';

const users = `${directory}/u`;
const OTHER = 54_321;
/** Names as a dead process leaves them. */
const RECORD = '4000000.0.0123abcd';

/** Leaves what a process leaves that was killed: record, socket and a claim, nobody holding a lock. */
function corpse(uid: number, claims: string[]): void {
  const home = `${users}/${uid}`;
  mkdirSync(home, { recursive: true });
  chmodSync(users, 0o1777);
  writeFileSync(`${home}/${RECORD}`, '{}\n');
  writeFileSync(`${home}/${RECORD}.s`, '');
  for (const path of [home, `${home}/${RECORD}`, `${home}/${RECORD}.s`]) chownSync(path, uid, uid);
  for (const claim of claims) symlinkSync(RECORD, `${home}/${claim}`);
}

afterEach(() => rmSync(users, { recursive: true, force: true }));

describe('what a dead process left', () => {
  test('is removed by the next process of its user', () => {
    corpse(OTHER, ['00400000', '80000000']);
    as(OTHER, () => withNode(() => {}));
    expect(readdirSync(`${users}/${OTHER}`)).toEqual([]);
  });

  test('is removed by root, whoever left it; nothing that lives is touched', () => {
    corpse(OTHER, ['00400000']);
    const living = openNode();
    const segment = publish(living, 0x400001);
    const before = readdirSync(`${users}/0`);
    withNode(() => {});
    expect(readdirSync(`${users}/${OTHER}`)).toEqual([]);
    expect(readdirSync(`${users}/0`)).toEqual(before);
    segment.unpublish();
    living.close();
  });

  test('is left where it is by other users, and does not keep the id', () => {
    corpse(0, ['00400000']);
    as(OTHER, () =>
      withNode((node) => {
        const segment = publish(node, 0x400000);
        expect([...node.find(0x400000)].map(({ uid }) => uid)).toEqual([OTHER, 0]);
        segment.unpublish();
      }),
    );
    expect(readdirSync(`${users}/0`).sort()).toEqual(['00400000', RECORD, `${RECORD}.s`].sort());
  });

  test('does not keep the id while a node is open, nor does a claim without a record', () => {
    withNode((node) => {
      corpse(0, ['00400000']);
      symlinkSync('4000000.0.ffffffff', `${users}/0/00400001`);
      const segments = [publish(node, 0x400000), publish(node, 0x400001)];
      expect(readlinkSync(`${users}/0/00400000`)).not.toBe(RECORD);
      for (const segment of segments) segment.unpublish();
    });
  });

  test('is removed after SIGKILL of a real process', () => {
    const child = runProgram(`
      publish(openNode(), 0x400000);
      process.kill(process.pid, 'SIGKILL');`);
    killed.add(child.pid);
    expect([child.signal, child.stderr]).toEqual(['SIGKILL', '']);
    expect(readdirSync(`${users}/0`)).toHaveLength(3);
    withNode((node) => {
      expect(readdirSync(`${users}/0`)).toEqual([]);
      publish(node, 0x400000).unpublish();
    });
  });
});

describe("another user's part of the directory", () => {
  test('cannot send a look-up elsewhere', () => {
    corpse(OTHER, []);
    for (const [index, text] of ['../0/x', '/etc/passwd', 'x', `${RECORD}/../x`].entries()) {
      symlinkSync(text, `${users}/${OTHER}/0040000${index}`);
    }
    as(1234, () =>
      withNode((node) => {
        for (let index = 0; index < 4; index++) expect([...node.find(0x400000 + index)]).toEqual([]);
      }),
    );
  });

  test('cannot make root remove files elsewhere', () => {
    mkdirSync(users);
    mkdirSync(`${directory}/home`);
    writeFileSync(`${directory}/home/${RECORD}`, 'precious');
    symlinkSync(`${directory}/home`, `${users}/${OTHER}`);
    withNode(() => {});
    expect(readdirSync(`${directory}/home`)).toEqual([RECORD]);
    rmSync(`${directory}/home`, { recursive: true });
  });

  test('cannot stop anybody with a pipe or a directory in the place of a record', () => {
    corpse(OTHER, []);
    const home = `${users}/${OTHER}`;
    rmSync(`${home}/${RECORD}`);
    expect(spawnSync('mkfifo', [`${home}/${RECORD}`]).status).toBe(0);
    mkdirSync(`${home}/1.0.00000000`);
    symlinkSync(RECORD, `${home}/00400000`);
    symlinkSync('1.0.00000000', `${home}/00400001`);
    withNode((node) => {
      for (const id of [0x400000, 0x400001]) publish(node, id).unpublish();
    });
  });
});
