/**
 * What a process and the gateway of its node say to each other on `gateway.s` (frames.ts): JSON, a 64-bit
 * key as decimal digits, a ticket as base64. What processes send is hostile: see `readRequest`.
 */
import { frameOf } from './frames.ts';
import { isRecordName } from './records.ts';

/** From a process. */
export type GatewayRequest =
  | {
      type: 'connect';
      /** The process's number for it: its answer carries the same. */
      request: number;
      node: number;
      id: number;
      permission: number;
      /** A fabric connection of this process to that node, to be used again. */
      importer?: number;
    }
  /** A connection that was granted and not opened. */
  | { type: 'disconnect'; connection: number }
  /** A fabric connection of this process to that node has broken. */
  | { type: 'importerGone'; node: number; importer: number }
  /** Where a connection that was granted is counted: a slot in a record of this user. */
  | { type: 'shown'; connection: number; record: string; slot: number }
  | { type: 'topology'; request: number };

/** From the gateway. `refused` and `connected` answer `connect`; `aborted` comes by itself. */
export type GatewayAnswer =
  | {
      type: 'connected';
      request: number;
      connection: number;
      /** Of the exporting process, as its gateway says. */
      owner: { uid: number; pid: number };
      importer: number;
      grant: GrantMessage;
      /** There when the importer is new: where to connect, and with what. */
      fabric?: { provider: string; host: string; port: number; ticket: Uint8Array };
    }
  | { type: 'refused'; request: number; code: number; detail: string }
  | { type: 'aborted'; connection: number; code: number }
  | { type: 'topology'; request: number; nodes: NodeState[] };

/** Of the fabric addon. */
export interface GrantMessage {
  segment: number;
  data: { key: bigint; base: bigint };
  control: { key: bigint; base: bigint };
  lengthBytes: number;
  permission: number;
  lockOwner: number;
}

/** The path to another node. */
export interface NodeState {
  node: number;
  up: boolean;
  /** Since when it is up or down: milliseconds since 1970. */
  sinceMs: number;
  /** Why it is down, for people; '' while it is up. */
  why: string;
  /** Of that node, as it said when it was last there. */
  controllers: { name: string; hardwareAddress: bigint }[];
}

export const GATEWAY_SOCKET = 'gateway.s';

const BIG = new Set(['key', 'base', 'hardwareAddress']);

export function encodeMessage(message: GatewayRequest | GatewayAnswer): Buffer {
  const text = JSON.stringify(message, function (this: Record<string, unknown>, name, value: unknown) {
    if (typeof value === 'bigint') return String(value);
    // Not `value`: Buffer's own toJSON came first.
    const raw = this[name];
    return raw instanceof Uint8Array ? Buffer.from(raw).toString('base64') : value;
  });
  return frameOf(Buffer.from(text));
}

/** For who trusts the gateway: the shape is not looked at. @throws SyntaxError: not JSON, or no digits */
export function decodeAnswer(body: Buffer): GatewayAnswer {
  return JSON.parse(body.toString(), (name, value: unknown) => {
    if (name === 'ticket') return Buffer.from(value as string, 'base64');
    return BIG.has(name) ? BigInt(value as string) : value;
  }) as GatewayAnswer;
}

/** @throws Error: what came is none, and why */
export function readRequest(body: Buffer): GatewayRequest {
  const value: unknown = JSON.parse(body.toString());
  if (typeof value !== 'object' || value === null) throw new Error('a message is an object');
  const fields = value as Record<string, unknown>;
  const word = (name: string): number => {
    const number = fields[name];
    if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff)
      return number;
    throw new Error(`${name} must be a number of 32 bits`);
  };
  const recordName = (): string => {
    if (typeof fields.record === 'string' && isRecordName(fields.record)) return fields.record;
    throw new Error('record must be the name of a record');
  };
  switch (fields.type) {
    case 'connect':
      return {
        type: 'connect',
        request: word('request'),
        node: word('node'),
        id: word('id'),
        permission: word('permission'),
        ...(fields.importer === undefined ? {} : { importer: word('importer') }),
      };
    case 'disconnect':
      return { type: 'disconnect', connection: word('connection') };
    case 'importerGone':
      return { type: 'importerGone', node: word('node'), importer: word('importer') };
    case 'shown':
      return { type: 'shown', connection: word('connection'), record: recordName(), slot: word('slot') };
    case 'topology':
      return { type: 'topology', request: word('request') };
    default:
      throw new Error('there is no such message');
  }
}
