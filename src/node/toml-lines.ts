/** Where things stand in a TOML file. */

/**
 * The line (from 1) of a table, or of a key of it; the parser does not keep it.
 * @param path of the table: `['controllers', 'ofi0']`
 * @param index of the table where several have this path: [[peer]]
 */
export function lineOf(text: string, path: string[], index: number, key: string | undefined): number {
  const quoted = (name: string) => `["']?${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}["']?`;
  const table = path.map(quoted).join('\\s*\\.\\s*');
  const header = new RegExp(`^\\s*\\[+\\s*${table}[\\s.\\]]`);
  const inTable = key === undefined ? undefined : new RegExp(`^\\s*${quoted(key)}\\s*[.=]`);
  const dotted = new RegExp(`^\\s*${table}\\s*[.=]`);
  let inside = false;
  let first = 0;
  let before = 0;
  for (const [at, line] of text.split('\n').entries()) {
    const opens = /^\s*\[/.test(line);
    if (opens) inside = header.test(line) && before++ === index;
    const starts = inside ? opens : dotted.test(line);
    if (first === 0 && starts) first = at + 1;
    if (inside && inTable?.test(line)) return at + 1;
  }
  return first || 1;
}
