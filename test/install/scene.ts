/** Folders that are gone after the test file, programs run in them as by a user without settings, Node versions. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, vi } from 'vitest';

/** Downloads, and compilers on a busy machine. */
export const PATIENCE_MS = 600_000;
vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });

export const root: string = join(import.meta.dirname, '..', '..');

const folders: string[] = [];
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true });
});

/** An empty folder, also for those who are in a test already. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'rsm-install-'));
  folders.push(made);
  return made;
}

const home = folder();
const runtime = folder();

function npmConfig(key: string): string {
  return spawnSync('npm', ['config', 'get', key], { cwd: root, encoding: 'utf8' }).stdout.trim();
}
/** Where npm finds packages belongs to the machine and not to what is tested: all that is kept of the settings. */
const kept: Record<string, string> = Object.fromEntries(
  ['registry', 'cache'].map((key) => [`npm_config_${key}`, npmConfig(key)]),
);

/** Without what the caller's npm has set, and without its settings; programs of this Node first. */
export function environment(node: string = process.execPath): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^(npm_|VITEST|NODE_)/i.test(key));
  const PATH = `${dirname(node)}${delimiter}${process.env.PATH}`;
  return { ...Object.fromEntries(inherited), ...kept, HOME: home, RSM_RUNTIME_DIR: runtime, PATH };
}

export type Run = SpawnSyncReturns<string>;

export function run(
  cwd: string,
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv = environment(),
): Run {
  return spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: PATIENCE_MS });
}

/** Throws, with all it said, unless the program ends well. Returns its output. */
export function succeed(cwd: string, program: string, args: string[], env?: NodeJS.ProcessEnv): string {
  const { status, signal, stdout, stderr, error } = run(cwd, program, args, env);
  if (status === 0) return stdout;
  throw new Error(`${program} ${args.join(' ')}: ${error ?? signal ?? status}\n${stdout}\n${stderr}`);
}

/** The newest of each line that is supported; the tests themselves may run on one of them. */
const VERSIONS = ['20.20.2', '22.23.3', '24.21.0', '26.9.0'];
const major = (version: string): string => version.split('.')[0]!;
export const NODES: string[] = VERSIONS.map((version) =>
  major(version) === major(process.versions.node) ? process.versions.node : version,
);

/** The program `node` of that version, from the npm package that ships it; kept for the next run. */
export function nodeOf(version: string, arch: string = process.arch): string {
  if (version === process.versions.node && arch === process.arch) return process.execPath;
  const cache = join(root, 'node_modules', '.cache', 'rsmapi', `node-${version}-${arch}`);
  const node = join(cache, 'node');
  if (existsSync(node)) return node;
  const unpacked = folder();
  const specification = `node-linux-${arch}@${version}`;
  const packed = succeed(unpacked, 'npm', ['pack', '--silent', specification]).trim();
  succeed(unpacked, 'tar', ['-xzf', packed, 'package/bin/node']);
  mkdirSync(cache, { recursive: true });
  // Copied beside it first: another run finds all of it or nothing.
  succeed(unpacked, 'cp', ['package/bin/node', `${node}.${process.pid}`]);
  renameSync(`${node}.${process.pid}`, node);
  return node;
}

/**
 * Packs the package with its binary for that platform, and installs it into the empty project without running scripts;
 * `smoke.mjs` is there as well. Returns the paths in the package.
 */
export function install(project: string, platform: string): string[] {
  // A musl system has no binary of its own name here; nobody runs these tests on one.
  succeed(root, process.execPath, ['scripts/prebuild.mjs', platform]);
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', project];
  const [{ filename, files }] = JSON.parse(succeed(root, 'npm', pack)) as [
    { filename: string; files: { path: string }[] },
  ];
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  succeed(project, 'npm', ['install', '--ignore-scripts', '--prefer-offline', `./${filename}`]);
  copyFileSync(join(import.meta.dirname, 'programs', 'smoke.mjs'), join(project, 'smoke.mjs'));
  return files.map(({ path }) => path);
}

/** What `smoke.mjs` says where all is well. */
export const smokeOf = (version: string): string[] => [
  `node v${version}: connected, put, got, saw the rebind`,
  `node v${version}: exported, rebound`,
];
