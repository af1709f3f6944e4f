// After tsc: joins the modules behind `rsmapi` and `rsmapi/librsm`, because Node spends more on loading fifty small
// modules than on running them (docs/decisions). Every module keeps its path, as a line that leads there; what
// does not need the native addon stays apart from what does, so that programs can do without it.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const dist = join(import.meta.dirname, '..', 'dist');
const JOINED = 'joined';
const ADDON = join(dist, 'native', 'index.js');

rmSync(join(dist, JOINED), { recursive: true, force: true });
const imports = new Map();
const library = withAllBehind(join(dist, 'api', 'index.js'));
const modules = withAllBehind(join(dist, 'librsm', 'index.js'), new Set(library));
const needsAddon = new Set([...modules].filter((module) => withAllBehind(module).has(ADDON)));

function importsOf(module) {
  const code = readFileSync(module, 'utf8');
  return [...code.matchAll(/^(?:import|export)\b[^'";]*'(\.[^']+)'/gm)].map(([, to]) =>
    resolve(dirname(module), to),
  );
}

function withAllBehind(module, found = new Set()) {
  if (found.has(module)) return found;
  found.add(module);
  if (!imports.has(module)) imports.set(module, importsOf(module));
  for (const next of imports.get(module)) withAllBehind(next, found);
  return found;
}

const bundle = await rolldown({
  input: Object.fromEntries(
    [...modules].map((module) => [relative(dist, module).replace(/\.js$/, ''), module]),
  ),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
});
await bundle.write({
  dir: dist,
  format: 'esm',
  sourcemap: true,
  minifyInternalExports: false,
  // They stand in the declarations and, with the sources, in the maps; here they would be read at every start.
  comments: false,
  // As deep as the rooms: what finds files from its own place still does.
  chunkFileNames: `${JOINED}/[name].js`,
  codeSplitting: {
    // Each takes what it needs with it: the first what needs no addon, so that is all that it takes.
    groups: [
      { name: 'rules', priority: 2, test: (id) => library.has(id) && !needsAddon.has(id) },
      { name: 'library', priority: 1, test: (id) => library.has(id) },
      { name: 'librsm', test: (id) => modules.has(id) },
    ],
  },
});
await bundle.close();
