/** Names of users, as `ls -l` shows them. */
import { readFileSync } from 'node:fs';

/** Reads the names once; a user without one is shown as a number. */
export function userNames(): (uid: number) => string {
  const names = new Map<number, string>();
  for (const line of passwd().split('\n')) {
    const [name, , uid] = line.split(':');
    // The first name of a number is the one that everybody shows.
    if (name && uid && !names.has(Number(uid))) names.set(Number(uid), name);
  }
  return (uid) => names.get(uid) ?? String(uid);
}

function passwd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return '';
  }
}
