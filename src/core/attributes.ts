/** What a controller offers (rsmapi.md 3.6). */

/** Sizes in bytes. Limits of 0 are none. */
export interface ControllerAttributes {
  /** Sizes that loads and stores of mappings may have: bit n stands for 2^n bytes. */
  readonly directAccessSizes: number;
  /** Sizes that are transferred indivisibly: bit n stands for 2^n bytes. */
  readonly atomicSizes: number;
  /** Supported page sizes, a mask: bit n stands for 1024 * 2^n bytes. */
  readonly pageSizes: number;
  // Bytes and numbers; 0: not limited.
  readonly maxExportSegmentSize: number;
  readonly totExportSegmentSize: number;
  readonly maxExportSegments: number;
  readonly maxImportMapSize: number;
  readonly totImportMapSize: number;
  readonly maxImportSegments: number;
}

/** To what segments are aligned, in bytes: the smallest page of the mask (D-02). */
export function alignmentUnit({ pageSizes }: ControllerAttributes): number {
  return 1024 * (pageSizes & -pageSizes);
}
