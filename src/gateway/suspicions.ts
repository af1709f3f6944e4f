/**
 * Importers whose fabric connection ended while they had segments. libfabric does not say why: who reaches for
 * what he was not granted is cut off without a word. Whoever ends honestly, or dies, is explained by his gateway
 * within moments; who is not is spoken of.
 */

/** For the other gateway to notice that a process is gone, and for its word to come. */
const EXPLAINED_MS = 3000;

export interface Suspect<Link> {
  readonly link: Link;
  /** That node's number of the process. */
  readonly process: number;
  readonly who: string;
}

export class Suspicions<Link> {
  readonly #say: (who: string, why: string) => void;
  readonly #waiting: Map<number, { suspect: Suspect<Link>; timer: NodeJS.Timeout }> = new Map();

  constructor(say: (who: string, why: string) => void) {
    this.#say = say;
  }

  /** @param segments how many it had */
  begin(importer: number, suspect: Suspect<Link>, segments: number): void {
    const ended = `its fabric connection ended without a word while it had ${segments} segments`;
    const why = `${ended}: it broke, or it reached for what it was not granted`;
    const timer = setTimeout(() => {
      this.#waiting.delete(importer);
      this.#say(suspect.who, why);
    }, EXPLAINED_MS);
    this.#waiting.set(importer, { suspect, timer });
  }

  /** Those of a link, or of one process of it, or one of them. */
  explain(link: Link, process?: number, importer?: number): void {
    for (const [number, { suspect, timer }] of this.#waiting) {
      if (suspect.link !== link || (process ?? suspect.process) !== suspect.process) continue;
      if ((importer ?? number) !== number) continue;
      clearTimeout(timer);
      this.#waiting.delete(number);
    }
  }

  close(): void {
    for (const { timer } of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }
}
