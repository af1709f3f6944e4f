/** Style that a program can check; the rest is in CONTRIBUTING.md. */
import { describe, expect, test } from 'vitest';
import { files, linesOf, matching, text } from './tree.ts';

const MOST_LINES = 400;
const MOST_FUNCTION_LINES = 70;
const MOST_COLUMNS = 120;

const code = matching(/\.(ts|mjs|js|c|h|cc)$/).filter((file) => !file.endsWith('_pb.ts')); // generated
const written = files.filter((file) => file !== 'package-lock.json' && !/\.(png|svg|ico)$/.test(file));

interface Function {
  line: number;
  length: number;
}

/** By indentation, which the formatters keep: from the line that opens a body to the one that closes it. */
function functionsOf(lines: string[], opens: (line: string) => boolean): Function[] {
  return lines.flatMap((line, index) => {
    if (!opens(line)) return [];
    const indent = /^\s*/.exec(line)![0];
    const end = lines.findIndex((later, at) => at > index && later.startsWith(`${indent}}`));
    return end < 0 ? [] : [{ line: index + 1, length: end - index + 1 }];
  });
}

const STATEMENT = /^\s*(\} )?(if|for|while|switch|catch|else|do|try|return|class|interface|export class)\b/;

function opensTypeScript(line: string): boolean {
  if (!line.endsWith('{') || /\bdescribe\b/.test(line)) return false;
  return line.endsWith('=> {') || (/\)(: [^=]+)? \{$/.test(line) && !STATEMENT.test(line));
}

function opensC(line: string): boolean {
  return /^\S/.test(line) && /\) ?\{$/.test(line);
}

/** A statement is not shortened to fit, and no formatter breaks a string. */
const TITLE = /^\s*(test|it|describe)\b.*['"`]/;

describe('the sources', () => {
  test(`have at most ${MOST_LINES} lines a file`, () => {
    expect(code.filter((file) => linesOf(file).length > MOST_LINES + 1)).toEqual([]);
  });

  test(`have at most ${MOST_FUNCTION_LINES} lines a function`, () => {
    const long = code.flatMap((file) =>
      functionsOf(linesOf(file), /\.(c|h|cc)$/.test(file) ? opensC : opensTypeScript)
        .filter(({ length }) => length > MOST_FUNCTION_LINES)
        .map(({ line, length }) => `${file}:${line}: ${length} lines`),
    );
    expect(long).toEqual([]);
  });

  test(`have at most ${MOST_COLUMNS} columns`, () => {
    const wide = code.flatMap((file) =>
      linesOf(file).flatMap((line, at) =>
        line.length > MOST_COLUMNS && !TITLE.test(line) ? [`${file}:${at + 1}`] : [],
      ),
    );
    expect(wide).toEqual([]);
  });

  test('carry no marker of unfinished work', () => {
    const marker =
      /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-nocheck|\bdebugger;|\bas any\s*[;),.\]}]|\.(only|todo)\(/;
    expect(found(code, marker)).toEqual([]);
  });

  test('say nothing about the machine they were written on, nor where packages come from', () => {
    const path = /(^|[\s'"`(=:])\/(work|root|home\/\w+)\//;
    const host = /\b(registry|artifactory|nexus|proxy)\.[a-z0-9-]+\.[a-z]{2,}|"resolved":|npmjs\.org/;
    expect(found(written, path)).toEqual([]);
    expect(found([...written, 'package-lock.json'], host)).toEqual([]);
  });
});

/** Where a pattern stands; this file, which has to spell it, does not count. */
function found(where: string[], pattern: RegExp): string[] {
  return where
    .filter((file) => file !== 'test/tidy/style.test.ts')
    .filter((file) => pattern.test(text(file)))
    .flatMap((file) =>
      linesOf(file).flatMap((line, at) => (pattern.test(line) ? [`${file}:${at + 1}`] : [])),
    );
}
