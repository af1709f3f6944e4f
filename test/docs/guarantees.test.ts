/** docs/reference/guarantees.md: each line names tests, and they are there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root: string = join(import.meta.dirname, '..', '..');
const page: string = readFileSync(join(root, 'docs', 'reference', 'guarantees.md'), 'utf8');
const rows: string[] = page.split('\n').filter((line) => /^\| (?!---|guarantee)/.test(line));

describe('docs/reference/guarantees.md', () => {
  it('has guarantees', () => expect(rows.length).toBeGreaterThan(20));

  it.each(rows)('%s', (row) => {
    const shown = row.split(' | ').at(-1)!.replace(/ \|$/, '').split('<br>');
    expect(shown.length).toBeGreaterThan(0);
    for (const entry of shown) {
      const [, file, title] = /^`([^`]+)`: (.+)$/.exec(entry) ?? [];
      expect(file, entry).toBeDefined();
      expect(existsSync(join(root, file!)), file).toBe(true);
      const source = readFileSync(join(root, file!), 'utf8');
      const titles = [...source.matchAll(/'([^'\n]+)'|`([^`\n]+)`|\b(\w+)\(/g)].map((match) =>
        String(match[1] ?? match[2] ?? match[3]),
      );
      expect(
        titles.some((found) => found.includes(title!)),
        `${file} has no test "${title}"`,
      ).toBe(true);
    }
  });
});
