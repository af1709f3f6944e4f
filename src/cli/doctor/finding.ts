/** What a check of `rsm doctor` finds. */

/** note: only some programs need it; problem: nothing works without it. */
export type State = 'ok' | 'note' | 'problem';

export interface Finding {
  state: State;
  /** What was looked at. */
  name: string;
  /** A sentence. */
  says: string;
  /** A command that mends it. */
  mend?: string;
}

/** Never throws: what cannot be found out is a finding. */
export type Check = () => Finding[] | Promise<Finding[]>;

/** @param mend where the check says that it is not well */
export function finding(name: string, state: State, says: string, mend?: string): Finding {
  return { state, name, says, ...(mend !== undefined && state !== 'ok' && { mend }) };
}
