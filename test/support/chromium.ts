/** A real browser for the tests of the page: Debian's Chromium, brought where this is Debian and we are root. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/** Nothing that reaches out, nothing that needs a screen. */
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Whether there is one now; says what it did, or why it did nothing. */
export function bringChromium(): boolean {
  if (existsSync(PROGRAM)) return true;
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    console.log(
      `The page is not tested: ${PROGRAM} is missing. As root on Debian it is installed by the tests.`,
    );
    return false;
  }
  console.log(`The page is tested in Chromium: installing ${PACKAGES.join(' and ')} from Debian.`);
  const apt = (...args: string[]) =>
    spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=300', ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      encoding: 'utf8',
    });
  apt('update');
  const { stderr } = apt('install', '-y', '--no-install-recommends', ...PACKAGES);
  if (!existsSync(PROGRAM)) console.log(`The page is not tested: ${stderr}`);
  return existsSync(PROGRAM);
}

/** With a profile of its own, which goes with it. */
export async function openBrowser(): Promise<Browser> {
  // Nothing of the tests': a preloaded sanitizer (npm run test:asan) makes it spin for ever.
  const { PATH = '', HOME = '/' } = process.env;
  return await chromium.launch({ executablePath: PROGRAM, args: ARGUMENTS, env: { PATH, HOME } });
}
