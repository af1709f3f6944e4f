/** The controller drivers there are, by type. */
import { RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import type { Driver } from './driver.ts';
import { openLoopback } from './loopback/index.ts';
import { openOfi } from './ofi/index.ts';

export { configurationFile } from '../node/index.ts';
export type {
  AtomicOperation,
  ConnectTarget,
  Driver,
  DriverEvents,
  DriverExport,
  DriverImport,
  DriverLocks,
  DriverTransfers,
  MemoryRange,
} from './driver.ts';

export interface DriverOptions {
  /** The configuration file; the usual one when undefined. */
  config: string | undefined;
}

const drivers: Record<string, (options: DriverOptions, unit: number) => Driver> = {
  loopback: openLoopback,
  ofi: openOfi,
};

/** @throws RsmError CTLR_NOT_PRESENT: no driver of that type, or it cannot be used here (C-010) */
export function openDriver(type: string, unit: number, options: DriverOptions): Driver {
  if (!Object.hasOwn(drivers, type)) {
    const known = Object.keys(drivers).join(', ');
    const detail = `there is no controller '${type}${unit}' here; there is ${known}`;
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'get_controller', detail);
  }
  return drivers[type]!(options, unit);
}
