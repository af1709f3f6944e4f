/** The reference keeps up with the source, and its pages with each other. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resultCodes } from '../../src/errors.ts';

const root: string = join(import.meta.dirname, '..', '..');
const folder: string = join(root, 'docs', 'reference');
const pages: string[] = readdirSync(folder).filter((file) => file.endsWith('.md'));
const read = (page: string): string => readFileSync(join(folder, page), 'utf8');

/** Pages in the shape of a manual page; the others are lists. */
const manual: string[] = pages.filter((page) => /^## NAME$/m.test(read(page)));

describe('docs/reference', () => {
  it('generated pages are fresh', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/reference.mjs', '--check'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('every function of librsm has a synopsis', async () => {
    const names = Object.keys(await import('../../src/librsm/index.ts')).filter((name) => /^rsm_/.test(name));
    const synopses = manual.map((page) => /^## SYNOPSIS$(.*?)^## /ms.exec(read(page))?.[1]).join('\n');
    expect(names.length).toBe(42);
    expect(names.filter((name) => !new RegExp(`^${name} ?\\(`, 'm').test(synopses))).toEqual([]);
  });

  it('every code that a page names exists', () => {
    const known = new Set([...resultCodes()].map(([, { name }]) => name.replace('RSMERR_', '')));
    for (const page of manual) {
      const errors = /^## ERRORS$(.*?)^## /ms.exec(read(page))?.[1] ?? '';
      // The result column: second in a table of checks, first in a table of what cannot occur.
      const cells = [...errors.matchAll(/^\| (?:[\d–]* \| )?((?:`[A-Z_]+`(?:, )?)+)/gm)].map(
        ([, cell]) => cell!,
      );
      const named = cells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name!));
      expect(named.length, page).toBeGreaterThan(0);
      expect(
        named.filter((name) => !known.has(name)),
        page,
      ).toEqual([]);
    }
  });

  it('links lead somewhere', () => {
    for (const page of [
      ...pages.map((name) => join(folder, name)),
      join(root, 'docs', 'guide', 'from-c.md'),
    ]) {
      const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(
        ([, to]) => to!,
      );
      expect(
        links.filter((to) => !existsSync(join(dirname(page), to))),
        page,
      ).toEqual([]);
    }
  });
});
