/** Whoever hovers over a name that the package exports reads what it is. */
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { linesOf, text } from './tree.ts';

/** Constants are explained as a table, in the reference. */
const CONSTANT = /^RSM[A-Z0-9_]+$/;
const DECLARATION =
  /^export (?:declare )?(?:async )?(?:function\*?|const|let|class|abstract class|interface|type) (\w+)/;
const ONE_LINE = /^export (?:const|type) .*;$/;
const LIST = /^export (?:type )?(?:\{([^}]*)\}|\*) from '([^']+)'/gm;

/** A row of one-line declarations shares the comment above it. */
function isCommented(lines: string[], at: number): boolean {
  let above = at - 1;
  while (ONE_LINE.test(lines[above] ?? '') && ONE_LINE.test(lines[at]!)) above -= 1;
  return lines[above]?.endsWith('*/') === true;
}

/** The exported names of a file that stand there, or behind it, without a doc comment. */
function undocumented(file: string, wanted?: Set<string>): string[] {
  const seen = new Set<string>();
  const here = linesOf(file).flatMap((line, at, lines) => {
    const name = DECLARATION.exec(line)?.[1];
    // Of overloads the first carries the comment.
    if (name === undefined || seen.has(name) || (wanted && !wanted.has(name))) return [];
    seen.add(name);
    return isCommented(lines, at) || CONSTANT.test(name) ? [] : [`${file}: ${name}`];
  });
  const behind = [...text(file).matchAll(LIST)].flatMap(([, names, from]) => {
    const target = posix.join(posix.dirname(file), from!);
    if (names === undefined) return undocumented(target, wanted);
    const passed = names
      .split(',')
      .map((name) =>
        name
          .trim()
          .replace(/^type /, '')
          .split(' as '),
      )
      .filter(([original, name = original]) => original !== '' && (!wanted || wanted.has(name!)));
    return undocumented(target, new Set(passed.map(([original]) => original!)));
  });
  return [...here, ...behind];
}

test.each(['src/api/index.ts', 'src/librsm/index.ts'])('every export of %s has a doc comment', (door) => {
  expect(undocumented(door)).toEqual([]);
});
