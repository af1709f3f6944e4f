/** Controllers of this thread: looked up by name, counted references (rsmapi.md 2.1). */
import { type Driver, openDriver } from '../drivers/index.ts';
import { RSMERR_BAD_ADDR, RSMERR_BAD_CTLR_HNDL, RSMERR_CTLR_NOT_PRESENT, RsmError } from '../errors.ts';
import { MAX_NAME_BYTES } from './limits.ts';

/** The open ones: one handle for one controller, however often it is got (C-008). */
const open: Map<string, Controller> = new Map();

export class Controller {
  readonly #driver: Driver;
  readonly #key: string;
  #references = 1;
  #segments = 0;

  private constructor(driver: Driver, key: string) {
    this.#driver = driver;
    this.#key = key;
  }

  /**
   * One more reference to a controller, opened if need be.
   * @param name type and unit; null for loopback. Letter case does not matter, nor loopback's unit (C-009)
   * @throws RsmError BAD_ADDR: not a string; CTLR_NOT_PRESENT (C-010); BAD_CONF
   */
  static get(name: unknown, config?: string): Controller {
    const { type, unit } = parseName(name ?? 'loopback');
    const key = `${type}${type === 'loopback' ? 0 : unit} ${config ?? ''}`;
    const known = open.get(key);
    if (known !== undefined) {
      known.#references += 1;
      return known;
    }
    const opened = new Controller(openDriver(type, unit, { config }), key);
    open.set(key, opened);
    return opened;
  }

  /** A controller that has not been released. @throws RsmError BAD_CTLR_HNDL (C-012, C-016) */
  static from(value: unknown, operation: string): Controller {
    const isOne = typeof value === 'object' && value !== null && #driver in value;
    if (!isOne || value.#references === 0) throw new RsmError(RSMERR_BAD_CTLR_HNDL, operation);
    return value;
  }

  get driver(): Driver {
    return this.#driver;
  }

  /** Gives one reference back. Segments live on: the driver is closed after the last of them. */
  release(): void {
    this.#references -= 1;
    if (this.#references > 0) return;
    open.delete(this.#key);
    this.#closeIfUnused();
  }

  segmentMade(): void {
    this.#segments += 1;
  }

  segmentEnded(): void {
    this.#segments -= 1;
    this.#closeIfUnused();
  }

  #closeIfUnused(): void {
    if (this.#references === 0 && this.#segments === 0) this.#driver.close();
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
