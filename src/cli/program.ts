/** All commands of `rsm`; docs/reference/cli.md is made from them. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { examples } from './command.ts';
import { demoCommand } from './demo.ts';
import { exportCommand } from './export.ts';
import { getCommand } from './get.ts';
import { importersCommand } from './importers.ts';
import { lsCommand } from './ls.ts';
import { putCommand } from './put.ts';
import { topCommand } from './top.ts';

const COMMANDS = [
  exportCommand,
  getCommand,
  putCommand,
  lsCommand,
  importersCommand,
  topCommand,
  demoCommand,
];

/** What is wrong with the line is thrown as a CommanderError, when it has been said. */
export function program(): Command {
  const rsm = new Command('rsm')
    .description('Remote Shared Memory: segments of this node, from a shell')
    .version(version())
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'rsm: ')) })
    .addHelpText('after', examples(['rsm export big.iso', 'rsm ls', 'rsm help export']))
    .exitOverride();
  for (const make of COMMANDS) rsm.addCommand(make().copyInheritedSettings(rsm));
  return rsm;
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
