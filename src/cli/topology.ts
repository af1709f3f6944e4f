/** `rsm topology`: what reaches what. */
import type { Command } from 'commander';
import type { Controller } from '../api/index.ts';
import { command, type Json } from './command.ts';
import { loaded } from './failure.ts';
import { ACTIVE, withController } from './session.ts';
import { type Column, table } from './table.ts';
import { paint, say, sayJson } from './terminal.ts';

/** A way from a controller of this node to one of another node, or to itself. */
interface Path {
  controller: string;
  node: number;
  /** The controller there. */
  remote: string;
  state: 'active' | 'inactive';
}

export function topologyCommand(): Command {
  return command(
    'topology',
    'show nodes, controllers and paths between them',
    ['rsm topology'],
    'A node always reaches itself, by loopback.',
  ).action(show);
}

async function show({ json }: Json): Promise<void> {
  const { printable } = await loaded(import('../observe/index.ts'));
  await withController([], async (controller) => {
    // Other nodes name their controllers.
    const paths = pathsOf(controller).map((path) => ({ ...path, remote: printable(path.remote) }));
    if (json) sayJson({ node: controller.nodeId, paths });
    else say(table(columns(controller.nodeId), paths));
  });
}

function pathsOf(controller: Controller): Path[] {
  const { nodeId, controllers } = controller.topology();
  const { name } = controller;
  const others = controllers.flatMap((local) =>
    local.remotes.map(({ node, name: remote, state }): Path => {
      return { controller: local.name, node, remote, state: state === ACTIVE ? 'active' : 'inactive' };
    }),
  );
  return [{ controller: name, node: nodeId, remote: name, state: 'active' }, ...others];
}

function columns(own: number): Column<Path>[] {
  return [
    { head: 'CONTROLLER', cell: ({ controller }) => controller },
    { head: 'NODE', cell: ({ node }) => `${node}${node === own ? ' (this one)' : ''}` },
    { head: 'CONTROLLER THERE', cell: ({ remote }) => remote },
    { head: 'STATE', cell: ({ state }) => (state === 'active' ? state : paint('yellow', state)) },
  ];
}
