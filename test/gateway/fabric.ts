/** Two nodes, a fabric that only remembers what it was told, and who connects through both gateways. */
import { afterEach } from 'vitest';
import { type AccessList, allocate, type ExportSegment, openController } from '../../src/api/index.ts';
import type { FabricTarget, TargetHandlers } from '../../src/gateway/index.ts';
import { GatewayClient, type GatewayNews } from '../../src/node/index.ts';
import { cluster, linked, type Started, start, type TestNode } from './scene.ts';

export const PATIENCE_MS: number = 25_000;
export const PAGE: number = 4096;

export class Fabric implements FabricTarget {
  readonly address = { provider: 'none', host: '127.0.0.1', port: 1 };
  readonly calls: string[] = [];
  readonly importers: Set<number> = new Set();
  #handlers: TargetHandlers | undefined;
  #last = 0;

  readonly open = (handlers: TargetHandlers): FabricTarget => {
    this.#handlers = handlers;
    return this;
  };

  admit(): { importer: number } {
    this.#last += 1;
    this.importers.add(this.#last);
    return { importer: this.#last };
  }

  grant(importer: number, _segment: unknown, permission: number) {
    if (!this.importers.has(importer)) return 5;
    this.#last += 1;
    const key = { key: 2n ** 63n + BigInt(this.#last), base: 0n };
    this.calls.push(`grant ${importer}`);
    return { segment: this.#last, data: key, control: key, lengthBytes: PAGE, permission, lockOwner: 0 };
  }

  revoke(importer: number, segment: number): void {
    this.calls.push(`revoke ${importer} ${segment}`);
  }

  endImporter(importer: number): void {
    this.calls.push(`end ${importer}`);
    this.ended(importer);
  }

  released(importer: number, segment: number): void {
    this.#handlers!.released(importer, segment);
  }

  ended(importer: number): void {
    this.importers.delete(importer);
    this.#handlers!.ended(importer);
  }

  close(): void {}
}

export interface Scene {
  one: TestNode;
  two: TestNode;
  fabric: Fabric;
  exporting: Started;
  importing: Started;
}

/** Node 1 exports, node 2 imports. */
export async function scene(squash = 'none'): Promise<Scene> {
  const { nodes } = await cluster([1, 2], `squash = "${squash}"\n`);
  const [one, two] = [nodes.get(1)!, nodes.get(2)!];
  const fabric = new Fabric();
  const exporting = await start(one, { openTarget: fabric.open });
  const importing = await start(two);
  await linked(one, two);
  return { one, two, fabric, exporting, importing };
}

export const closables: { close(): void }[] = [];
afterEach(() => {
  for (const each of closables.splice(0).reverse()) each.close();
});

/** Without a list for everybody on every node, as the umask says. It needs the fabric addon, which CI builds. */
export function published({ config }: TestNode, access: AccessList = []): ExportSegment {
  const controller = openController('ofi0', { config });
  const segment = controller.createExport(allocate(PAGE));
  closables.push(controller, segment);
  segment.publish({ access });
  return segment;
}

export interface Importer {
  client: GatewayClient;
  news: GatewayNews[];
  connect(
    id: number,
    more?: { node?: number; permission?: number; importer?: number },
  ): ReturnType<GatewayClient['ask']>;
}

export function importer(node: TestNode): Importer {
  const news: GatewayNews[] = [];
  const dialed = GatewayClient.dial(node.runtime, process.getuid!(), PATIENCE_MS, (each) => news.push(each))!;
  closables.push(dialed);
  const connect: Importer['connect'] = (id, more = {}) =>
    dialed.ask({ type: 'connect', node: 1, id, permission: 0o400, ...more }, PATIENCE_MS);
  return { client: dialed, news, connect };
}

export async function granted(asked: ReturnType<GatewayClient['ask']>) {
  const reply = await asked;
  if (reply?.type !== 'connected') throw new Error(`refused: ${JSON.stringify(reply)}`);
  return reply;
}

export async function refusedWith(asked: ReturnType<GatewayClient['ask']>): Promise<number> {
  const reply = await asked;
  if (reply?.type !== 'refused') throw new Error(`not refused: ${reply?.type}`);
  return reply.code;
}
