/**
 * Every complete snippet of the documentation runs: fenced blocks tagged `js run` or `ts run`, each in a
 * process and on a node of its own. Where a snippet says `// prints …`, it must print just that.
 */
import { execFile, execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leftovers } from '../support/runtime.ts';

const root: string = join(import.meta.dirname, '..', '..');
const documents: string = join(root, 'docs');
const run = promisify(execFile);

interface Snippet {
  /** Page and line, for a person. */
  title: string;
  /** File name without extension. */
  name: string;
  language: 'js' | 'ts';
  code: string;
  /** What it says it prints. */
  prints: string[];
}

const snippets: Snippet[] = readdirSync(documents, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.md'))
  .sort()
  .flatMap((file) => snippetsOf(file, readFileSync(join(documents, file), 'utf8')));

function snippetsOf(file: string, text: string): Snippet[] {
  return [...text.matchAll(/^```(js|ts) run\n(.*?)^```$/gms)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    return {
      title: `${file}:${line}`,
      name: `${file.replaceAll(/\W/g, '-')}-${line}`,
      language: match[1] as 'js' | 'ts',
      code: match[2]!,
      prints: [...match[2]!.matchAll(/\/\/ prints (.*)$/gm)].map(([, printed]) => printed!),
    };
  });
}

let home: string;

/** A folder where `rsmapi` is an installed package, with all the snippets in it. */
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'rsm-docs-'));
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(root, join(home, 'node_modules', 'rsmapi'));
  symlinkSync(join(root, 'node_modules', '@types'), join(home, 'node_modules', '@types'));
  writeFileSync(join(home, 'package.json'), '{ "type": "module" }');
  for (const { name, language, code } of snippets) writeFileSync(join(home, `${name}.${language}`), code);
  const typed = snippets.filter(({ language }) => language === 'ts').map(({ name }) => `${name}.ts`);
  if (typed.length > 0) compile(typed);
}, 120_000);

afterAll(() => rmSync(home, { recursive: true, force: true }));

/** Checks the types, too: a reader will copy them. */
function compile(files: string[]): void {
  const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node'];
  const lib = ['--lib', 'es2023,esnext.disposable'];
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, ...options, ...lib, ...files], { cwd: home, stdio: 'pipe' });
}

describe('snippets of the documentation', () => {
  it('are there', () => {
    expect(snippets.length).toBeGreaterThan(10);
  });

  for (const snippet of snippets) {
    it(`${snippet.title} runs`, async () => {
      const runtime = mkdtempSync(join(tmpdir(), 'rsm-docs-node-'));
      try {
        const env = { ...process.env, RSM_RUNTIME_DIR: runtime };
        const { stdout, stderr } = await run(process.execPath, [`${snippet.name}.js`], { cwd: home, env });
        expect(stderr).toBe('');
        expect(stdout.split('\n').slice(0, -1)).toEqual(snippet.prints);
        expect(leftovers(runtime), `left in ${relative(tmpdir(), runtime)}`).toEqual({
          claims: [],
          records: [],
        });
      } finally {
        rmSync(runtime, { recursive: true, force: true });
      }
    });
  }
});
