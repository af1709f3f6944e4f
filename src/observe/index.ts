/** Looking inside: what a node's processes show, and what this one tells. */
export * from './channels.ts';
export { printable } from './command.ts';
export { type FabricState, fabricState } from './fabric.ts';
export { importersOf, type Paired } from './pairing.ts';
export { type Activity, activity, type ImportActivity, type Rates, type SegmentActivity } from './rates.ts';
export {
  type ExportView,
  type Importer,
  type ImportView,
  type Participant,
  type Snapshot,
  snapshot,
} from './snapshot.ts';
