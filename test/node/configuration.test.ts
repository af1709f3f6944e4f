import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { readConfiguration } from '../../src/node/configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'rsm-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function written(text: string): string {
  const file = join(folder, 'rsm.toml');
  writeFileSync(file, text);
  return file;
}

const GATEWAY =
  '[gateway]\nlisten = "10.0.0.1:7460"\ncertificate = "node.crt"\nkey = "/etc/node.key"\nauthority = "ca.crt"\n';

describe('the configuration file', () => {
  test('an empty one means the defaults', () => {
    expect(readConfiguration(written(''))).toEqual({
      nodeId: 0,
      runtime: undefined,
      limits: { maxExportedMemoryPercent: 0, maxSegments: 65_535 },
      gateway: undefined,
      peers: [],
      controllers: [],
    });
  });

  test('says the node, its directory and its limits', () => {
    const file = written(
      '[node]\nid = 63\nruntime = "/run/x"\n[limits]\nmax-exported-memory = 50\nmax-segments = 10\n',
    );
    expect(readConfiguration(file)).toMatchObject({
      nodeId: 63,
      runtime: '/run/x',
      limits: { maxExportedMemoryPercent: 50, maxSegments: 10 },
    });
  });

  test('says the gateway, the peers and the controllers of a cluster', () => {
    const more = 'user = 65534\nsquash = "all"\nmetrics = "[::1]:9460"\n';
    const file = written(
      `[node]\nid = 1\n${GATEWAY}${more}[[peer]]\nid = 2\naddress = "host-2:7460"\n` +
        '[[peer]]\nid = 0\naddress = "[fd00::2]:1"\n' +
        '[controllers.ofi0]\naddress = "10.0.0.1"\ntrusted-network = true\n',
    );
    expect(readConfiguration(file)).toMatchObject({
      gateway: {
        listen: { host: '10.0.0.1', port: 7460 },
        certificate: join(folder, 'node.crt'),
        key: '/etc/node.key',
        authority: join(folder, 'ca.crt'),
        uid: 65_534,
        squash: 'all',
        metrics: { host: '::1', port: 9460 },
      },
      peers: [
        { id: 2, address: { host: 'host-2', port: 7460 } },
        { id: 0, address: { host: 'fd00::2', port: 1 } },
      ],
      controllers: [{ name: 'ofi0', provider: 'auto', address: '10.0.0.1', trustedNetwork: true }],
    });
  });

  test('a gateway is root\u2019s where nothing is said, and tells who is who', () => {
    expect(readConfiguration(written(GATEWAY)).gateway).toMatchObject({
      uid: 0,
      squash: 'unknown',
      metrics: undefined,
    });
    expect(readConfiguration(written(`${GATEWAY}user = "nobody"\n`)).gateway!.uid).toBe(65_534);
  });

  test('is what RSM_CONFIG names, unless the caller names one', () => {
    const other = join(folder, 'other.toml');
    writeFileSync(other, 'node.id = 5');
    vi.stubEnv('RSM_CONFIG', other);
    expect(readConfiguration().nodeId).toBe(5);
    expect(readConfiguration(written('[node]\nid = 6')).nodeId).toBe(6);
    vi.unstubAllEnvs();
  });

  test('is a regular file: of a FIFO or a device the end may never come', () => {
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    for (const file of [fifo, '/dev/zero', folder]) {
      expect(() => readConfiguration(file)).toThrow(
        expect.objectContaining({
          code: 'RSMERR_BAD_CONF',
          message: expect.stringContaining('not a regular file'),
        }),
      );
    }
  });

  test('that is named must exist', () => {
    const file = join(folder, 'missing.toml');
    expect(() => readConfiguration(file)).toThrow(
      expect.objectContaining({ code: 'RSMERR_BAD_CONF', message: expect.stringContaining(file) }),
    );
  });

  test.each([
    ['[node]\nid = = 1', 2, 'invalid'],
    ['# c\n\n[node]\nid = 64', 4, 'node.id must be a whole number from 0 to 63'],
    ['[node]\nid = -1', 2, 'node.id'],
    ['[node]\nid = 1.5', 2, 'node.id'],
    ['[node]\nid = "1"', 2, 'node.id'],
    ['node.id = 64', 1, 'node.id'],
    ['node = { id = 64 }', 1, 'node.id'],
    ['node = 3', 1, '[node] must be a table'],
    ['[[node]]\nid = 1', 1, '[node] must be a table'],
    ['[node]\nruntime = "run/rsm"', 2, 'node.runtime must be an absolute path'],
    ['[node]\nruntime = ""', 2, 'node.runtime'],
    ['[limits]\n\n[node]\nname = "a"', 4, 'node.name is not a key of this file'],
    ['[node]\ntoString = 1', 2, 'node.toString is not a key'],
    ['[limits]\nmax-segments = 65536', 2, 'limits.max-segments'],
    ['[limits]\n"max-exported-memory" = 101', 2, 'limits.max-exported-memory'],
    ['[limits]\n\n[nodes]\nid = 1', 3, '[nodes] is not a table of this file'],
    ['[gateway]\nlisten = "a:1"\n', 1, '[gateway] must have the key certificate: the path of a file'],
    [`${GATEWAY}listens = 1`, 6, 'gateway.listens is not a key'],
    [GATEWAY.replace('10.0.0.1', '0.0.0.0'), 2, 'gateway.listen must be HOST:PORT, and no wildcard'],
    [GATEWAY.replace('10.0.0.1', '[::]'), 2, 'gateway.listen'],
    [GATEWAY.replace(':7460', ':0'), 2, 'gateway.listen'],
    [GATEWAY.replace(':7460', ':65536'), 2, 'gateway.listen'],
    [GATEWAY.replace(':7460', ''), 2, 'gateway.listen'],
    [
      `${GATEWAY}user = "no such user"`,
      6,
      "gateway.user must be a user of this machine; it has no 'no such user'",
    ],
    [`${GATEWAY}user = -1`, 6, 'gateway.user must be the name or the number'],
    [`${GATEWAY}user = 4294967295`, 6, 'gateway.user'],
    [`${GATEWAY}squash = "root"`, 6, 'gateway.squash must be `none`, `unknown` or `all`'],
    [`${GATEWAY}metrics = "10.0.0.1:1"`, 6, 'gateway.metrics must be a loopback address'],
    ['[[peer]]\nid = 1\naddress = "a:1"', 1, '[peer] is nothing without [gateway]'],
    ['[peer]\nid = 1\naddress = "a:1"', 1, '[peer] must be a list of tables: [[peer]]'],
    ['peer = [1]', 1, '[peer] must be a table'],
    [`${GATEWAY}[[peer]]\nid = 1\naddress = "a:1"\n[[peer]]\nid = 64`, 10, 'peer.id must be a whole number'],
    [
      `${GATEWAY}[[peer]]\nid = 1\naddress = "a:1"\n[[peer]]\naddress = "a:1"`,
      9,
      '[peer] must have the key id',
    ],
    [
      `${GATEWAY}[[peer]]\nid = 1\naddress = "a:1"\n[[peer]]\naddress = "b:1"\nid = 1`,
      11,
      'peer.id is 1, as another',
    ],
    [`${GATEWAY}[[peer]]\nid = 0\naddress = "a:1"`, 7, 'peer.id is 0, as another node'],
    ['[controllers.ofi0]\naddress = "127.0.0.1"', 1, '[controllers.ofi0] is nothing without [gateway]'],
    [`${GATEWAY}[controllers.ofi0]\naddress = "10.0.0.1"`, 7, 'say trusted-network = true'],
    [
      `${GATEWAY}[controllers.ofi0]\naddress = "0.0.0.0"`,
      7,
      'controllers.ofi0.address must be an IP address',
    ],
    [`${GATEWAY}[controllers.ofi0]\naddress = "host"`, 7, 'controllers.ofi0.address'],
    [
      `${GATEWAY}[controllers.ofi0]\naddress = "::1"\nprovider = "ucx"`,
      8,
      'controllers.ofi0.provider must be',
    ],
    [`${GATEWAY}[controllers.wrsm0]\naddress = "::1"`, 6, '[controllers.wrsm0] is none that there is'],
    [`${GATEWAY}[controllers]\nofi0 = 1`, 7, 'controllers.ofi0 must be a table'],
    ['controllers = 1', 1, '[controllers] must be a table'],
    ['[constructor]', 1, '[constructor] is not a table'],
  ])('refuses %j with line %i', (text, line, what) => {
    const file = written(text);
    expect(() => readConfiguration(file)).toThrow(
      expect.objectContaining({ code: 'RSMERR_BAD_CONF', message: expect.stringContaining(what) }),
    );
    expect(() => readConfiguration(file)).toThrow(`${file}:${line}: `);
  });
});
