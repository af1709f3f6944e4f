/** The other side of a question of `rsm bench`: ROLE [ID]. It ends with the process that measures. */
import { allocate, openController } from '../../api/index.ts';
import { LINE_WORDS, type Role } from './peers.ts';

/** Between two looks whether the exporter is still there. */
const SPINS = 1 << 16;
const LOOK_MS = 500;

const [role, id] = process.argv.slice(2) as [Role, string];
const target = { id: Number(id) };
const controller = openController();
process.once('disconnect', () => process.exit());
if (!process.connected) process.exit();

const roles: Record<Role, () => void> = {
  echo() {
    process.on('message', (message) => tell(message));
    tell('ready');
  },
  exporter() {
    const segment = controller.createExport(allocate(4096));
    tell(segment.publish({ access: [{ node: controller.nodeId, permission: 0o600 }] }));
  },
  spinner() {
    const segment = controller.connectSync(target);
    const words = new Int32Array(segment.map());
    tell('ready', () => {
      let turn = 0;
      while (segment.connected) {
        for (let spin = 0; spin < SPINS; spin += 1) {
          const asked = Atomics.load(words, 0);
          if (asked === turn) continue;
          turn = asked;
          Atomics.store(words, LINE_WORDS, turn);
        }
      }
      process.exit();
    });
  },
  sleeper() {
    const segment = controller.connectSync(target);
    tell('ready', () => {
      while (segment.connected) if (segment.waitSync(LOOK_MS)) segment.post();
      process.exit();
    });
  },
  toucher() {
    const segment = controller.connectSync(target);
    new Uint8Array(segment.map()).fill(1);
    tell('ready');
  },
};

/** Then does some work, during which this process hears nothing. */
function tell(message: unknown, work: () => void = () => {}): void {
  process.send?.(message, undefined, undefined, (error) => {
    if (error) process.exit(); // nobody listens any more
    setImmediate(work);
  });
}

roles[role]();
