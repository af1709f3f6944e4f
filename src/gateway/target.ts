/** What the gateway wants of a fabric: the target of the fabric addon, or one that a test made up. */
import type { Code, NativeImport } from '../native/index.ts';
import type { GrantMessage } from '../node/index.ts';
import type { Connected } from './wire/link_pb.ts';

type Fields<Message> = Omit<Message, '$typeName' | '$unknown'>;

/** A segment as it was granted to one importer: what that importer is told. */
export type Grant = GrantMessage;

export interface FabricTarget {
  /** Where importers connect. */
  readonly address: Omit<Fields<NonNullable<Connected['admission']>>, 'ticket'>;
  /** Lets in whoever presents the ticket first, within that time. */
  admit(ticket: Uint8Array, expiresMs: number): { importer: number } | Code;
  /** Registers a whole segment, connected on the importer's behalf and not mapped. */
  grant(importer: number, segment: NativeImport, permission: number): Grant | Code;
  /** When it returns no access that begins is let in any more. */
  revoke(importer: number, segment: number): void;
  /** When it returns nothing lands any more. Told as ended. */
  endImporter(importer: number): void;
  close(): void;
}

export interface TargetHandlers {
  /** The importer has disconnected that segment. */
  released(importer: number, segment: number): void;
  /** The importer is gone, and with it all of its segments. */
  ended(importer: number): void;
  /** Somebody presented no ticket that is good; from where, or ''. */
  refused(from: string): void;
  /** The importer sent what it must not, and will be told as ended. */
  cheated(importer: number): void;
}
