/**
 * The page: one document with its style and scripts inside, which loads nothing from anywhere. The folder
 * page/ is shipped as it stands, and found from `src` and from `dist` alike.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** In the order in which they use each other: inside one script there is nothing to import. */
const SCRIPTS = [
  'format',
  'dom',
  'model',
  'plots',
  'picture',
  'sharing',
  'importers',
  'segments',
  'happenings',
  'page',
];

const FOLDER = new URL('../../../src/cli/web/page/', import.meta.url);

export interface Document {
  html: string;
  /** Of the header Content-Security-Policy: this style, this script, and the stream of the same server. */
  policy: string;
}

export function readDocument(): Document {
  const read = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8');
  const style = read('style.css');
  const script = SCRIPTS.map((name) => withoutModules(read(`${name}.js`))).join('\n');
  const html = read('index.html')
    .replace('/* style.css */', () => style)
    .replace('/* scripts */', () => script);
  return { html, policy: policyFor(style, script) };
}

function withoutModules(code: string): string {
  return code.replaceAll(/^import [^;]*;$/gm, '').replaceAll(/^export /gm, '');
}

function policyFor(style: string, script: string): string {
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `style-src ${hash(style)}`,
    `script-src ${hash(script)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
