/** Sharing a page with itself: what any program does, in small. */
import type { Controller } from '../../api/index.ts';
import { type Finding, finding } from './finding.ts';

const NAME = 'sharing';
const WAIT_MS = 5_000;

export async function sharing(): Promise<Finding[]> {
  const api = await import('../../api/index.ts').catch(() => undefined);
  if (api === undefined) return []; // `binary` has said so
  let controller: Controller | undefined;
  try {
    controller = api.openController();
    await share(api, controller);
    return [
      finding(NAME, 'ok', 'memory is sealed, published, imported, rebound and withdrawn; events arrive.'),
    ];
  } catch (error) {
    return [finding(NAME, 'problem', `does not work: ${(error as Error).message}`)];
  } finally {
    controller?.close();
  }
}

async function share(api: typeof import('../../api/index.ts'), controller: Controller): Promise<void> {
  const { allocate, pageSize } = api;
  const [first, second] = [allocate(pageSize()), allocate(pageSize())];
  new Uint8Array(second).fill(2);
  const access = [{ node: controller.nodeId, permission: 0o600 }];
  const sealed = controller.createExport(allocate(pageSize()), { readOnly: true });
  controller
    .connectSync({ id: sealed.publish({ access: [{ ...access[0]!, permission: 0o400 }] }), mode: 'r' })
    .close();
  sealed.close();

  const segment = controller.createExport(first, { allowRebind: true });
  const importing = await controller.connect({ id: segment.publish({ access }) });
  const mapped = new Uint8Array(importing.map());
  mapped[0] = 1;
  if (new Uint8Array(first)[0] !== 1) throw new Error('a store did not arrive.');
  segment.rebind(second);
  if (mapped[0] !== 2) throw new Error('a rebind was not seen.');
  importing.post();
  await segment.wait({ timeoutMs: WAIT_MS });
  segment.close();
  await importing.aborted;
  importing.close();
}
