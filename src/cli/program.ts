/** All commands of `rsm`; docs/reference/cli.md is made from them. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchCommand } from './bench.ts';
import { clusterCommand } from './cluster.ts';
import { explained } from './command.ts';
import { demoCommand } from './demo.ts';
import { doctorCommand } from './doctor.ts';
import { exportCommand } from './export.ts';
import { gatewayCommand } from './gateway.ts';
import { getCommand } from './get.ts';
import { importersCommand } from './importers.ts';
import { lsCommand } from './ls.ts';
import { postCommand } from './post.ts';
import { putCommand } from './put.ts';
import { topCommand } from './top.ts';
import { topologyCommand } from './topology.ts';
import { waitCommand } from './wait.ts';

const COMMANDS = [
  exportCommand,
  getCommand,
  putCommand,
  waitCommand,
  postCommand,
  lsCommand,
  importersCommand,
  topologyCommand,
  topCommand,
  doctorCommand,
  benchCommand,
  demoCommand,
  clusterCommand,
  gatewayCommand,
];

/** What is wrong with the line is thrown as a CommanderError, when it has been said. */
export function program(): Command {
  const lines = ['rsm export big.iso', 'rsm ls', 'rsm help export'];
  const rsm = explained(new Command('rsm'), 'share memory with the processes of this node', lines)
    .version(version())
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'rsm: ')) })
    .exitOverride();
  for (const make of COMMANDS) rsm.addCommand(make());
  inherit(rsm);
  return rsm;
}

/** commander does so for commands that it makes itself. */
function inherit(parent: Command): void {
  for (const child of parent.commands) inherit(child.copyInheritedSettings(parent));
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
