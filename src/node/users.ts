/** Users of this machine, as /etc/passwd has them. */
import { readFileSync } from 'node:fs';

/** The number of a user; undefined: there is none of that name. */
export function uidOf(user: string | number = 'root'): number | undefined {
  if (typeof user === 'number') return user;
  return entries().find(({ name }) => name === user)?.uid;
}

/** The users that there are now. */
export function knownUids(): Set<number> {
  return new Set(entries().map(({ uid }) => uid));
}

function entries(): { name: string; uid: number }[] {
  return passwd()
    .split('\n')
    .map((line) => line.split(':'))
    .filter(([name, , uid]) => name && uid)
    .map(([name, , uid]) => ({ name: name!, uid: Number(uid) }));
}

function passwd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return 'root:x:0:0';
  }
}
