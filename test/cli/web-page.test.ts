/** `rsm top --web` as people see it: the page in a real browser, on a node with real processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { View } from '../../src/cli/web/messages.ts';
import { startServer } from '../../src/cli/web/server.ts';
import { exportIn, importIn, rebindIn } from '../support/actors.ts';
import { bringChromium, openBrowser } from '../support/chromium.ts';
import { startRsm } from '../support/rsm.ts';
import { exported, later, peer } from '../support/scene.ts';

const axe: string = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const hasBrowser: boolean = bringChromium();

let browser: Browser;
beforeAll(async () => {
  if (hasBrowser) browser = await openBrowser();
}, 120_000);
afterAll(async () => {
  await browser?.close();
});

/** A machine may be busy: what is polled for comes, or the test's time limit ends it. */
const PATIENTLY = { timeout: 50_000, interval: 20 };

const nameOf = (id: number): string => `0:0x${id.toString(16)}`;

async function startTop(...args: string[]): Promise<{ address: string; end(): Promise<unknown> }> {
  const top = startRsm(['top', '--web', '--interval', '0.1', ...args]);
  return { address: await top.firstLine(), end: () => top.end('SIGINT') };
}

async function newPage(options?: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage(options);
  later(() => page.close());
  page.setDefaultTimeout(PATIENTLY.timeout);
  return page;
}

/** Opens the page, which must not complain, nor ask anybody else for anything. */
async function open(address: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await newPage({ viewport: { width: 1280, height: 900 }, ...options });
  watchOver(page, address);
  await page.goto(address);
  await page.getByText('Live', { exact: true }).waitFor();
  return page;
}

function watchOver(page: Page, address: string): void {
  const wrong: string[] = [];
  page.on('pageerror', (error) => wrong.push(error.message));
  page.on('console', (message) => wrong.push(message.text()));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(address) && !url.startsWith('data:')) wrong.push(url);
  });
  later(() => expect(wrong).toEqual([]));
}

/** The rules that the page breaks, in words. */
async function complaints(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const violations = await page.evaluate(
    "axe.run().then(({ violations }) => violations.map(({ help, nodes }) => help + ': ' + nodes[0].html))",
  );
  return violations as string[];
}

const rows = (page: Page) => page.locator('#segments tbody > tr');

describe.skipIf(!hasBrowser)('the page', () => {
  test('shows segments, importers and what happens, as it happens', async () => {
    const { address } = await startTop();
    const page = await open(address);
    await page.getByText('Nobody exports anything on this node').waitFor();
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id);
    await page.getByRole('button', { name: nameOf(id) }).click();
    const importers = page.getByRole('table', { name: 'Importers' });
    await importers.getByText(`${importer.pid}`).waitFor();
    await page.getByRole('img', { name: '1 exporting process, 1 importing process' }).waitFor();
    await page.getByRole('img', { name: 'Node 0. loopback to this node: active.' }).waitFor();
    await rebindIn(exporter, 1);
    const happenings = page.locator('#happenings li');
    await happenings.filter({ hasText: 'memory exchanged' }).waitFor();
    await exporter.kill();
    await happenings.filter({ hasText: `connection of process ${importer.pid} aborted` }).waitFor();
    await page.locator('#announcement', { hasText: 'aborted' }).waitFor({ state: 'attached' });
    await page.getByText('Nobody exports anything on this node').waitFor();
    await page.getByLabel('Show').selectOption('aborts, refusals');
    expect(await happenings.count()).toBe(1);
  });

  test('takes what other users call themselves for text', async () => {
    const { address } = await startTop();
    const evil = '<img src=x onerror=document.title="gone"><script>document.title="gone"</script>';
    const source =
      'import(process.env.API).then(({ openController, allocate }) => ' +
      'setInterval(Object, 1e9, openController().createExport(allocate(4096)).publish()))';
    const api = new URL('../../dist/api/index.js', import.meta.url).href;
    const child: ChildProcess = spawn(process.execPath, ['-e', source, evil], {
      env: { ...process.env, API: api },
      stdio: 'inherit',
    });
    later(async () => {
      child.kill('SIGTERM');
      await once(child, 'close');
    });
    const page = await open(address);
    const command = page.locator('#segments td.command', { hasText: evil });
    await command.waitFor();
    await page.locator('.opener').click();
    expect(await page.locator('img').count()).toBe(0);
    expect(await page.title()).toBe('rsm top, node 0');
    await page.getByLabel('Find').fill('<script>document');
    expect(await rows(page).count()).toBe(2);
  });

  test('lets no script in but its own, and reaches nobody else', async () => {
    const { address } = await startTop();
    const page = await newPage();
    await page.goto(address);
    const script = page.evaluate("document.createElement('script').textContent = 'alert()'");
    await expect(script).rejects.toThrow('TrustedScript');
    const markup = page.evaluate("document.body.innerHTML = '<b>'");
    await expect(markup).rejects.toThrow('TrustedHTML');
    await expect(page.evaluate("fetch('http://127.0.0.2:1/')")).rejects.toThrow('Failed to fetch');
  });

  test('is used by keyboard alone', async () => {
    const segments = [exported({ pages: 1 }), exported({ pages: 3 }), exported({ pages: 2 })];
    const page = await open((await startTop()).address);
    await expect.poll(() => rows(page).count(), PATIENTLY).toBe(segments.length);
    const focused = () => page.evaluate<string>('document.activeElement?.textContent ?? ""');
    const tabTo = async (text: string) => {
      for (let tabs = 0; tabs < 60 && !(await focused()).startsWith(text); tabs += 1)
        await page.keyboard.press('Tab');
      expect(await focused()).toContain(text);
    };
    await tabTo('Length');
    await page.keyboard.press('Enter');
    const lengths = page.locator('#segments tbody td:nth-of-type(1)');
    await expect.poll(() => lengths.allTextContents(), PATIENTLY).toEqual(['12.0 KiB', '8.0 KiB', '4.0 KiB']);
    await page.keyboard.press('Enter');
    await expect.poll(() => lengths.allTextContents(), PATIENTLY).toEqual(['4.0 KiB', '8.0 KiB', '12.0 KiB']);
    await tabTo(nameOf(segments[0]!.id));
    await page.keyboard.press('Enter');
    await page.getByText('Nobody imports it.').waitFor();
    // Looks go on, and the focus stays.
    await page.waitForTimeout(300);
    expect(await focused()).toBe(nameOf(segments[0]!.id));
    const slider = page.getByRole('slider', { name: 'Segments and connections' });
    await slider.focus();
    await expect
      .poll(async () => Number(await slider.getAttribute('aria-valuemax')), PATIENTLY)
      .toBeGreaterThan(3);
    await page.keyboard.press('ArrowLeft');
    await expect
      .poll(() => slider.getAttribute('aria-valuetext'))
      .toMatch(/^\d\d:\d\d:\d\d: segments 3, connections 0$/);
    await page.keyboard.press('End');
    await expect
      .poll(() => slider.getAttribute('aria-valuetext'), PATIENTLY)
      .toBe('now: segments 3, connections 0');
  });

  test('stands still while it is paused', async () => {
    const page = await open((await startTop()).address);
    const pause = page.getByRole('button', { name: 'Pause' });
    await page.getByText('Nobody exports anything on this node').waitFor();
    await pause.click();
    exported();
    await page.waitForTimeout(500);
    expect(await rows(page).count()).toBe(0);
    await pause.click();
    await expect.poll(() => rows(page).count(), PATIENTLY).toBe(1);
  });

  test.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['narrow', { colorScheme: 'light', viewport: { width: 360, height: 740 } }],
    ['with colours of the system', { forcedColors: 'active' }],
  ] as const)('is accessible: %s', async (_, options) => {
    const { address } = await startTop();
    const empty = await open(address, options);
    await empty.getByText('Nobody exports anything on this node').waitFor();
    expect(await complaints(empty)).toEqual([]);
    const exporter = await peer();
    const id = await exportIn(exporter);
    const importer = await peer();
    await importIn(importer, id);
    await empty.locator('.opener').click();
    await empty.getByRole('table', { name: 'Importers' }).waitFor();
    expect(await complaints(empty)).toEqual([]);
    const wider = await empty.evaluate('document.documentElement.scrollWidth > innerWidth');
    expect(wider, 'the page itself is not scrolled sideways').toBe(false);
  });

  test('shows 200 segments, and finds one', async () => {
    const all = Array.from({ length: 200 }, () => exported());
    const page = await open((await startTop()).address);
    await expect.poll(() => rows(page).count(), PATIENTLY).toBe(200);
    await page.getByLabel('Find').fill(nameOf(all[150]!.id));
    await expect.poll(() => rows(page).count(), PATIENTLY).toBe(1);
    await page.getByLabel('Find').fill('nobody');
    await page.getByText('No segment matches.').waitFor();
  });
});

/** A page of a node that is not there, for what no test can make on a real one. */
async function startPage(view: Partial<View>): Promise<string> {
  const node = { node: 0, directory: '/run/rsm', processes: 1, controllers: [], segments: [] };
  const whole = { view: { ...node, ...view }, samples: [], happenings: [] };
  const server = await startServer(0, () => whole);
  later(() => server.close());
  return server.address;
}

describe.skipIf(!hasBrowser)('the picture', () => {
  test('of a cluster has the state of each path', async () => {
    const path = (node: number, active: boolean) => ({ node, controller: 'ofi0', active });
    const controllers = [
      { name: 'loopback', paths: [{ node: 0, controller: 'loopback', active: true }] },
      { name: 'ofi0', paths: [path(1, true), path(2, false)] },
      { name: 'ofi1', paths: [] },
    ];
    const page = await open(await startPage({ controllers }));
    const picture = page.locator('#paths').getByRole('img');
    await expect
      .poll(() => picture.getAttribute('aria-label'), PATIENTLY)
      .toBe(
        'Node 0. loopback to this node: active. ofi0 to node 1 ofi0: active. ' +
          'ofi0 to node 2 ofi0: inactive. ofi1: no path.',
      );
    expect(await picture.locator('.path.active').count()).toBe(2);
    expect(await picture.locator('.path.inactive').count()).toBe(1);
    expect(await complaints(page)).toEqual([]);
  });

  test('of whatever a record may say is drawn, and so is the table', async () => {
    const most = 2 ** 64;
    const exporter = { pid: 2 ** 32 - 1, user: '4294967295', command: null, thread: 2 ** 32 - 1 };
    const importer = { ...exporter, node: 2 ** 32 - 1, mode: 'r' as const, sinceMs: 0, mapped: most };
    const rates = { bytesPut: most, bytesGot: most };
    const counts = { posts: most, rebinds: most, aborts: most, refusals: most };
    const segment = { key: 'x', name: '4294967295:0xffffffff', byteLength: most, readOnly: true };
    const more = { access: '', createdMs: 8.64e15, exporter, importerCount: 2 ** 32 - 1 };
    const row = { ...segment, ...more, ...rates, ...counts, importers: [{ ...importer, ...rates }] };
    const page = await open(
      await startPage({ segments: [row, { ...row, key: 'y', name: null, importers: [] }] }),
    );
    await expect.poll(() => rows(page).count(), PATIENTLY).toBe(2);
    expect(await rows(page).first().textContent()).toContain('unpublished16.0 EiB4294967295');
    await page.getByRole('button', { name: segment.name }).click();
    await page.getByText('4294967294 of its importers are not shown.').waitFor();
  });
});

describe.skipIf(!hasBrowser)('windows', () => {
  test('of one browser are many, beyond its connections, and outlive the first of them', async () => {
    const { address } = await startTop();
    const context = await browser.newContext();
    later(() => context.close());
    const pages: Page[] = [];
    for (let opened = 0; opened < 10; opened += 1) {
      const page = await context.newPage();
      await page.goto(address);
      await page.getByText('Live', { exact: true }).waitFor();
      pages.push(page);
    }
    exported();
    for (const page of pages) await expect.poll(() => rows(page).count(), PATIENTLY).toBe(1);
    await pages.shift()!.close();
    exported();
    for (const page of pages) await expect.poll(() => rows(page).count(), PATIENTLY).toBe(2);
  });

  test('say that the end has come', async () => {
    const { address, end } = await startTop();
    const page = await open(address);
    expect(await end()).toMatchObject({ code: 0, stderr: '' });
    await page.getByText('rsm top has ended').waitFor();
  });

  test('say that a connection is lost, and that another server does not know them', async () => {
    const first = startRsm(['top', '--web', '--interval', '0.1']);
    const address = await first.firstLine();
    const page = await newPage();
    await page.goto(address);
    await page.getByText('Live', { exact: true }).waitFor();
    first.child.kill('SIGKILL');
    await page.getByText('The connection is lost').waitFor();
    await startTop('--port', new URL(address).port);
    await page.getByText('rsm top has ended').waitFor();
  });
});

describe('the command', () => {
  test('ends well when it is interrupted, and says the address to programs', async () => {
    const top = startRsm(['top', '--web', '--json']);
    expect(JSON.parse(await top.firstLine()).address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]+\/$/);
    expect(await top.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
  });

  test.each([
    [['--web', '--count', '3'], 2, 'cannot be used with'],
    [['--port', '8000'], 2, '--port needs --web.'],
    [['--web', '--port', '0'], 2, 'A port is a number from 1 to 65535.'],
    [['--web', '--port', '65536'], 2, 'A port is a number from 1 to 65535.'],
  ])('%j is wrong usage', async (args, code, sentence) => {
    const ended = await startRsm(['top', ...args]).ended;
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(sentence);
  });

  test('names the port that is taken', async () => {
    const { port } = new URL((await startTop()).address);
    const { code, stderr } = await startRsm(['top', '--web', '--port', port]).ended;
    expect(code).toBe(1);
    expect(stderr).toBe(
      `rsm: port ${port} of 127.0.0.1 is taken: name another with --port, or none to get a free one.\n`,
    );
  });
});
