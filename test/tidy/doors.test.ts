/** Whoever hovers over a name that the package exports reads what it is. */
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { linesOf, text } from './tree.ts';

/** Constants are explained as a table, in the reference. */
const CONSTANT = /^RSM[A-Z0-9_]+$/;
const DECLARATION =
  /^export (?:declare )?(?:async )?(?:function\*?|const|let|class|abstract class|interface|type) (\w+)/;
const LIST = /^export (?:type )?(?:\{([^}]*)\}|\*) from '([^']+)'/gm;

/** The exported names of a file that stand there, or behind it, without a doc comment. */
function undocumented(file: string, wanted?: Set<string>): string[] {
  const seen = new Set<string>();
  const here = linesOf(file).flatMap((line, at, lines) => {
    const name = DECLARATION.exec(line)?.[1];
    // Of overloads the first carries the comment.
    if (name === undefined || seen.has(name) || (wanted && !wanted.has(name))) return [];
    seen.add(name);
    return lines[at - 1]?.endsWith('*/') || CONSTANT.test(name) ? [] : [`${file}: ${name}`];
  });
  const behind = [...text(file).matchAll(LIST)].flatMap(([, names, from]) => {
    const target = posix.join(posix.dirname(file), from!);
    if (names === undefined) return undocumented(target, wanted);
    const originals = names
      .split(',')
      .map((name) =>
        name
          .trim()
          .replace(/^type /, '')
          .replace(/ as \w+$/, ''),
      )
      .filter((name) => name !== '');
    return undocumented(target, new Set(originals));
  });
  return [...here, ...behind];
}

test.each(['src/api/index.ts', 'src/librsm/index.ts'])('every export of %s has a doc comment', (door) => {
  expect(undocumented(door)).toEqual([]);
});
