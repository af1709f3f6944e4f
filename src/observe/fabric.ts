/** What carries segments between nodes here, in the words of the fabric addon itself. */
import { fabric } from '../native/index.ts';

export type FabricState =
  /** Of libfabric, and which of its providers is taken. */
  | { version: string; provider: string }
  /** Why nothing does, and whether it is the addon or what that needs. */
  | { missing: 'addon' | 'libfabric' | 'provider'; reason: string };

/** @param wanted of the configuration: `auto`, `tcp`, … */
export function fabricState(wanted: string): FabricState {
  let addon: ReturnType<typeof fabric>;
  try {
    addon = fabric();
  } catch (error) {
    return { missing: 'addon', reason: (error as Error).message };
  }
  const library = addon.library();
  if ('reason' in library) return { missing: 'libfabric', reason: library.reason };
  const provider = addon.provider(wanted);
  if (typeof provider !== 'string') return { missing: 'provider', reason: provider.reason };
  return { version: library.version, provider };
}
