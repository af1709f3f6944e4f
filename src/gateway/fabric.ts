/** The target of the fabric addon, as the gateway wants it. */
import { RSMERR_BAD_CONF, RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import {
  type Code,
  type FabricFailure,
  fabric,
  type NativeImport,
  type NativeTarget,
  native,
  type TargetEvent,
} from '../native/index.ts';
import type { ControllerConfiguration } from '../node/index.ts';
import type { FabricTarget, Grant, TargetHandlers } from './target.ts';

/**
 * The target of the first controller. Undefined: there is none.
 * @throws RsmError CTLR_NOT_PRESENT: no addon, or no libfabric; BAD_CONF: it cannot listen at the address
 */
export function openFabricTarget(
  handlers: TargetHandlers,
  [controller]: readonly ControllerConfiguration[],
): FabricTarget | undefined {
  if (controller === undefined) return undefined;
  const { name, provider, address: host } = controller;
  const addon = loaded(name);
  const told = (event: TargetEvent, importer: number, segment: number, from: string): void => {
    if (event === 'released') handlers.released(importer, segment);
    else if (event === 'ended') handlers.ended(importer);
    else if (event === 'refused') handlers.refused(from);
    else if (event === 'cheated') handlers.cheated(importer);
  };
  const opened = addon.openTarget({ provider, host, port: 0 }, told);
  if ('code' in opened) throw refusal(name, opened);
  const { target, address } = opened;
  return {
    address,
    admit: (ticket, expiresMs) => addon.admit(target, ticket, expiresMs),
    grant: (importer, segment, permission) => grant(target, importer, segment, permission),
    revoke: (importer, segment) => addon.revoke(target, importer, segment),
    endImporter: (importer) => addon.endImporter(target, importer),
    close: () => addon.closeTarget(target),
  };
}

function loaded(name: string): ReturnType<typeof fabric> {
  try {
    return fabric();
  } catch (cause) {
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'gateway', `${name}: ${(cause as Error).message}`, { cause });
  }
}

function refusal(name: string, { code, reason }: FabricFailure): RsmError {
  if (code === RSMERR_CTLR_NOT_PRESENT) {
    return new RsmError(code, 'gateway', `${name} needs libfabric: apt-get install libfabric1 (${reason})`);
  }
  return new RsmError(RSMERR_BAD_CONF, 'gateway', `[controllers.${name}]: ${reason}`);
}

function grant(
  target: NativeTarget,
  importer: number,
  segment: NativeImport,
  permission: number,
): Grant | Code {
  const port = native.portOf(segment);
  return typeof port === 'number' ? port : fabric().grant(target, importer, port, permission);
}
