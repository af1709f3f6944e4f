/**
 * RSMAPI, function by function: C names, argument order and result codes. No function throws, whatever it
 * is given; a C out-parameter is an `Out`. The rules are in `core`.
 */
export * from '../core/constants.ts';
export * from '../errors.ts';
export * from './barriers.ts';
export { type Out, out } from './call.ts';
export * from './controllers.ts';
export * from './events.ts';
export * from './export.ts';
export * from './import.ts';
export * from './transfer.ts';
export * from './types.ts';
export * from './vectors.ts';
