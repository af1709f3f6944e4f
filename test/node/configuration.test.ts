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

describe('the configuration file', () => {
  test('an empty one means the defaults', () => {
    expect(readConfiguration(written(''))).toEqual({
      nodeId: 0,
      runtime: undefined,
      limits: { maxExportedMemoryPercent: 0, maxSegments: 65_535 },
    });
  });

  test('says the node, its directory and its limits; tables of other rooms are left to them', () => {
    const file = written(
      '[node]\nid = 63\nruntime = "/run/x"\n[limits]\nmax-exported-memory = 50\nmax-segments = 10\n' +
        '[gateway]\nlisten = "x"\n[[peer]]\nid = 99\n[controllers.ofi0]\nprovider = "auto"\n',
    );
    expect(readConfiguration(file)).toEqual({
      nodeId: 63,
      runtime: '/run/x',
      limits: { maxExportedMemoryPercent: 50, maxSegments: 10 },
    });
  });

  test('is what RSM_CONFIG names, unless the caller names one', () => {
    const other = join(folder, 'other.toml');
    writeFileSync(other, 'node.id = 5');
    vi.stubEnv('RSM_CONFIG', other);
    expect(readConfiguration().nodeId).toBe(5);
    expect(readConfiguration(written('[node]\nid = 6')).nodeId).toBe(6);
    vi.unstubAllEnvs();
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
    ['[peer]\nid = 99\n\n[node]\nname = "a"', 5, 'node.name is not a key of this file'],
    ['[node]\ntoString = 1', 2, 'node.toString is not a key'],
    ['[limits]\nmax-segments = 65536', 2, 'limits.max-segments'],
    ['[limits]\n"max-exported-memory" = 101', 2, 'limits.max-exported-memory'],
    ['[gateway]\n\n[nodes]\nid = 1', 3, '[nodes] is not a table of this file'],
    ['[constructor]', 1, '[constructor] is not a table'],
  ])('refuses %j with line %i', (text, line, what) => {
    const file = written(text);
    expect(() => readConfiguration(file)).toThrow(
      expect.objectContaining({ code: 'RSMERR_BAD_CONF', message: expect.stringContaining(what) }),
    );
    expect(() => readConfiguration(file)).toThrow(`${file}:${line}: `);
  });
});
