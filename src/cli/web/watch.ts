/** The looks of `rsm top --web`, one after the other, and what is remembered of them. */
import type { Topology } from '../../api/index.ts';
import { activity } from '../../observe/index.ts';
import type { Look } from '../session.ts';
import { happeningsBetween, shortened } from './happenings.ts';
import type { Happening, Sample, Tick, View, Whole } from './messages.ts';
import { sampleOf, type UserNames, viewOf } from './view.ts';

/** Five minutes of seconds: what a plot of the page shows. */
export const MOST_SAMPLES = 300;

/** As many as somebody scrolls through. */
export const MOST_HAPPENINGS = 200;

export class Watch {
  readonly #userName: UserNames;
  readonly #samples: Sample[] = [];
  readonly #happenings: Happening[] = [];
  #last: Look;
  #view: View;

  constructor(look: Look, topology: Topology, userName: UserNames) {
    this.#userName = userName;
    this.#last = look;
    this.#view = viewOf(look, activity(look, look), topology, userName);
  }

  /** The difference to the last look. */
  add(look: Look, topology: Topology): Tick {
    const all = happeningsBetween(this.#last, look);
    const found = activity(this.#last, look);
    const sample = sampleOf(look, found, all);
    const happenings = shortened(all);
    this.#last = look;
    this.#view = viewOf(look, found, topology, this.#userName);
    remember(this.#samples, MOST_SAMPLES, [sample]);
    remember(this.#happenings, MOST_HAPPENINGS, happenings);
    return { view: this.#view, sample, happenings };
  }

  whole(): Whole {
    return { view: this.#view, samples: this.#samples, happenings: this.#happenings };
  }
}

function remember<T>(all: T[], most: number, more: T[]): void {
  all.push(...more);
  all.splice(0, Math.max(0, all.length - most));
}
