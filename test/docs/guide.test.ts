/** Guide, internals, decisions and examples keep up with the source and with each other. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const root: string = join(import.meta.dirname, '..', '..');

const pages: string[] = ['docs/guide', 'docs/internals', 'docs/decisions', 'examples']
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(root, folder, file),
    ),
  )
  .filter((file) => file.endsWith('.md'));

const read = (page: string): string => readFileSync(page, 'utf8');

/** As GitHub makes them of headings. */
function anchors(page: string): string[] {
  const headings = [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

test.each(pages.map((page) => relative(root, page)))('links of %s lead somewhere', (name) => {
  const page = join(root, name);
  const wrong = [...read(page).matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)].filter(([, to, anchor]) => {
    const target = to === '' ? page : join(dirname(page), to!);
    return !existsSync(target) || (anchor !== undefined && !anchors(target).includes(anchor));
  });
  expect(wrong.map(([link]) => link)).toEqual([]);
});

test('troubleshooting has every code that a function returns, and no other', () => {
  const [returned] = read(join(root, 'docs/reference/errors.md')).split(
    '## Codes that no function here returns',
  );
  const codes = [...returned!.matchAll(/^\| \d+ \| `(RSMERR_\w+)`/gm)].map(([, code]) => code!);
  const explained = [...read(join(root, 'docs/guide/troubleshooting.md')).matchAll(/^## (RSMERR_\w+)$/gm)];
  expect(codes.length).toBeGreaterThan(30);
  expect(explained.map(([, code]) => code!)).toEqual(codes.sort());
});

test.each(['guide', 'internals', 'decisions'])(
  'the first page of docs/%s leads to all the others',
  (folder) => {
    const first = read(join(root, 'docs', folder, 'README.md'));
    const others = readdirSync(join(root, 'docs', folder)).filter((file) => file !== 'README.md');
    expect(others.filter((file) => !first.includes(`(${file})`))).toEqual([]);
  },
);

test('examples/README.md leads to all of them, and each has a test', () => {
  const first = read(join(root, 'examples', 'README.md'));
  const folders = readdirSync(join(root, 'examples'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) {
    expect(first).toContain(`(${name}/README.md)`);
    expect(existsSync(join(root, 'test', 'examples', `${basename(name)}.test.ts`)), name).toBe(true);
  }
});

test('`npm run docs` has every page of the guide, in the order in which it is read', () => {
  const { projectDocuments } = JSON.parse(read(join(root, 'docs/typedoc/typedoc.json'))) as {
    projectDocuments: string[];
  };
  const listed = projectDocuments.flatMap((path) => /^\.\.\/guide\/(.*)$/.exec(path)?.[1] ?? []);
  const linked = read(join(root, 'docs/guide/README.md')).matchAll(/^\| \[.*?\]\((.*?)\)/gm);
  expect(listed).toEqual(['README.md', ...[...linked].map(([, page]) => page!)]);
});
