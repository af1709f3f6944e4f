/** The gateway's log: JSON lines on standard output. What is refused is said once, not as often as it comes. */
import { type Logger, pino, stdTimeFunctions } from 'pino';

/** The same refusal of the same peer again: said once in this time, with how often it was. */
const QUIET_MS = 60_000;
/** Different refusals that are remembered; a flood from everywhere must not fill the memory. */
const MOST_REMEMBERED = 1024;

export function makeLog(node: number): Logger {
  return pino({
    base: { node },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
  });
}

/** Says who was refused and why: at once, and then at most once in QUIET_MS. */
export function refusalLog(log: Pick<Logger, 'warn'>): (who: string, why: string) => void {
  const seen = new Map<string, { saidMs: number; unsaid: number }>();
  return (who, why) => {
    const key = `${who} ${why}`;
    const now = Date.now();
    const known = seen.get(key) ?? { saidMs: Number.NEGATIVE_INFINITY, unsaid: 0 };
    if (now - known.saidMs < QUIET_MS) {
      known.unsaid += 1;
      return;
    }
    if (seen.size >= MOST_REMEMBERED) seen.clear();
    seen.set(key, { saidMs: now, unsaid: 0 });
    log.warn({ who, why, ...(known.unsaid > 0 ? { before: known.unsaid } : {}) }, 'refused');
  };
}
