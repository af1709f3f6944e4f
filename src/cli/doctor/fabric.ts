/** libfabric, which carries segments between nodes. On one node nothing needs it. */
import type { FabricState } from '../../observe/index.ts';
import { type Finding, finding } from './finding.ts';

const NAME = 'libfabric';
const BUILD = 'sudo apt-get install libfabric-dev && npm explore rsmapi -- npm run build:native';
const MENDS: Record<Extract<FabricState, { reason: string }>['missing'], string> = {
  addon: BUILD,
  libfabric: 'sudo apt-get install libfabric1',
  provider: 'fi_info --list  # of libfabric-bin: the providers there are',
};

export async function libfabric(): Promise<Finding[]> {
  const wanted = await configuredProvider();
  const state = await stateOf(wanted ?? 'auto');
  if ('version' in state) {
    return [finding(NAME, 'ok', `${state.version}; its provider ${state.provider} carries segments.`)];
  }
  const why = state.reason.replaceAll(/\s+/g, ' ');
  if (wanted !== undefined)
    return [finding(NAME, 'problem', `${why}: no other node is reached.`, MENDS[state.missing])];
  const says = `cannot be used: ${why}. It is needed between nodes only: on this node everything works.`;
  return [finding(NAME, 'note', says, MENDS[state.missing])];
}

/** Undefined: this node is in no cluster. */
async function configuredProvider(): Promise<string | undefined> {
  try {
    const { readConfiguration } = await import('../../node/index.ts');
    return readConfiguration().controllers[0]?.provider;
  } catch {
    return undefined; // `directory` has said what is wrong with it
  }
}

async function stateOf(wanted: string): Promise<FabricState> {
  try {
    const { fabricState } = await import('../../observe/index.ts');
    return fabricState(wanted);
  } catch (error) {
    return { missing: 'addon', reason: (error as Error).message }; // the binary: `binary` has said so
  }
}
