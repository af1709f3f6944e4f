/** Whether segments of other nodes can be tested here; says so once where they cannot. */
import { fabric } from '../../src/native/index.ts';

const missing: string | undefined = whatIsMissing();

function whatIsMissing(): string | undefined {
  try {
    const library = fabric().library();
    return 'reason' in library ? library.reason : undefined;
  } catch (error) {
    return (error as Error).message.split('\n')[0];
  }
}

export const libfabricIsMissing: boolean = missing !== undefined;
if (libfabricIsMissing) {
  console.warn(
    `Segments of other nodes are not tested: ${missing}. apt-get install libfabric-dev, and build.`,
  );
}
