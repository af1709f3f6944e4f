/**
 * Machines for a demo and for tests: network namespaces joined by a switch, where this user may make them;
 * else addresses of loopback, with no cable to cut.
 */
import { execFileSync } from 'node:child_process';

export interface Host {
  /** From 1. */
  readonly id: number;
  readonly address: string;
  /** A program and its arguments to start a process through, so that it is on this machine. */
  readonly through: string[];
}

export interface Hosts {
  readonly hosts: Host[];
  /** Whether they have a network of their own. */
  readonly apart: boolean;
  /** Takes the machine's cable out: nothing comes or goes, and nobody is told. */
  cut(host: Host): void;
  heal(host: Host): void;
  end(): void;
}

let made = 0;

/** Makes that many. */
export function makeHosts(count: number): Hosts {
  made += 1;
  const prefix = `rsm-${process.pid}-${made}-`;
  const ids = Array.from({ length: count }, (_, index) => index + 1);
  const names = [0, ...ids].map((id) => `${prefix}${id}`);
  const end = () => {
    for (const name of names) attempt(['netns', 'del', name]);
  };
  if (!attempt(['netns', 'add', names[0]!])) return onLoopback(ids);
  try {
    join(prefix, ids);
  } catch (error) {
    end();
    throw error;
  }
  const set = (id: number, state: string) => ip(['-n', names[0]!, 'link', 'set', `port${id}`, state]);
  return {
    hosts: ids.map((id) => {
      return { id, address: addressOf(id), through: ['ip', 'netns', 'exec', `${prefix}${id}`] };
    }),
    apart: true,
    cut: ({ id }) => set(id, 'down'),
    heal: ({ id }) => set(id, 'up'),
    end,
  };
}

function join(prefix: string, ids: number[]): void {
  const hub = ['-n', `${prefix}0`];
  ip([...hub, 'link', 'add', 'hub', 'type', 'bridge']);
  ip([...hub, 'link', 'set', 'hub', 'up']);
  for (const id of ids) {
    const name = `${prefix}${id}`;
    ip(['netns', 'add', name]);
    ip([...hub, 'link', 'add', `port${id}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    ip([...hub, 'link', 'set', `port${id}`, 'master', 'hub', 'up']);
    ip(['-n', name, 'addr', 'add', `${addressOf(id)}/24`, 'dev', 'eth0']);
    for (const device of ['eth0', 'lo']) ip(['-n', name, 'link', 'set', device, 'up']);
  }
}

function addressOf(id: number): string {
  return `10.90.0.${id}`;
}

function onLoopback(ids: number[]): Hosts {
  const nothing = (): never => {
    throw new Error('there is no cable on loopback');
  };
  const hosts = ids.map((id) => ({ id, address: `127.0.0.${id}`, through: [] }));
  return { hosts, apart: false, cut: nothing, heal: nothing, end: () => {} };
}

function ip(args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function attempt(args: string[]): boolean {
  try {
    ip(args);
    return true;
  } catch {
    return false;
  }
}
