/** `rsm topology`: what reaches what. */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { rsm, rsmJson } from '../support/rsm.ts';
import { file } from '../support/scene.ts';

test('a node alone reaches itself by loopback', async () => {
  const { code, stdout } = await rsm(['topology']);
  expect(code).toBe(0);
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['CONTROLLER', 'NODE', 'CONTROLLER THERE', 'STATE'],
    ['loopback', '0 (this one)', 'loopback', 'active'],
    [''],
  ]);
});

test('the node has the id of the configuration, in JSON too', async () => {
  const config = file('');
  writeFileSync(config, '[node]\nid = 7\n');
  expect(await rsmJson(['topology'], { env: { RSM_CONFIG: config } })).toEqual({
    node: 7,
    paths: [{ controller: 'loopback', node: 7, remote: 'loopback', state: 'active' }],
  });
});

test('a configuration that says what it may not is told with file and line', async () => {
  const { code, stderr } = await rsm(['topology'], { env: { RSM_CONFIG: file('[node]\nid = 64\n') } });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^rsm: .*file:2: node\.id must be .*\(RSMERR_BAD_CONF\)\n$/);
});
