/** Controllers of this thread: looked up by name, counted references (rsmapi.md 2.1). */
import { configurationFile, type Driver, openDriver } from '../drivers/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_CTLR_HNDL, RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import { MAX_NAME_BYTES } from './limits.ts';

/** A driver that handles or segments still use, and the handle that the next get of it returns. */
interface Opened {
  readonly driver: Driver;
  /** The handle, while it is not released, and the segments, which may outlive it. */
  users: number;
  handle: Controller | undefined;
}

/**
 * By name and configuration file: one handle for one controller, however often it is got (C-008). Who releases a
 * controller, keeps its segments and gets it again stays one participant of the node, with one record.
 */
const open: Map<string, Opened> = new Map();

export class Controller {
  readonly #opened: Opened;
  readonly #key: string;
  #references = 1;

  private constructor(opened: Opened, key: string) {
    this.#opened = opened;
    this.#key = key;
    opened.handle = this;
    this.userCame();
  }

  /**
   * One more reference to a controller, opened if need be.
   * @param name type and unit; null for loopback. Letter case does not matter, nor loopback's unit (C-009)
   * @throws RsmError BAD_ADDR: not a string; CTLR_NOT_PRESENT (C-010); BAD_CONF;
   *   INSUFFICIENT_RESOURCES: descriptors
   */
  static get(name: unknown, config?: string): Controller {
    const { type, unit } = parseName(name ?? 'loopback');
    const file = configurationFile(config);
    const key = `${type}${type === 'loopback' ? 0 : unit} ${file ?? ''}`;
    const known = open.get(key);
    if (known?.handle !== undefined) {
      known.handle.#references += 1;
      return known.handle;
    }
    const opened = known ?? { driver: openDriver(type, unit, { config: file }), users: 0, handle: undefined };
    open.set(key, opened);
    return new Controller(opened, key);
  }

  /** A controller that has not been released. @throws RsmError BAD_CTLR_HNDL (C-012, C-016) */
  static from(value: unknown, operation: string): Controller {
    const isOne = typeof value === 'object' && value !== null && #opened in value;
    if (!isOne || value.#references === 0) throw new RsmError(RSMERR_BAD_CTLR_HNDL, operation);
    return value;
  }

  get driver(): Driver {
    return this.#opened.driver;
  }

  /** Gives one reference back. Segments live on: the driver is closed after the last of them. */
  release(): void {
    this.#references -= 1;
    if (this.#references > 0) return;
    this.#opened.handle = undefined;
    this.userGone();
  }

  /** One more segment uses the driver; each says `userGone` when it has ended. */
  userCame(): void {
    this.#opened.users += 1;
  }

  userGone(): void {
    this.#opened.users -= 1;
    if (this.#opened.users > 0) return;
    open.delete(this.#key);
    this.#opened.driver.close();
  }
}

function parseName(name: unknown): { type: string; unit: number } {
  if (typeof name !== 'string') {
    throw new RsmError(RSMERR_BAD_ADDR, 'get_controller', 'the name of a controller is a string');
  }
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new RsmError(RSMERR_CTLR_NOT_PRESENT, 'get_controller', 'no controller has a name as long as that');
  }
  const [digits] = /\d*$/.exec(name) as unknown as [string];
  return { type: name.slice(0, name.length - digits.length).toLowerCase(), unit: Number(digits) };
}
