/** The processes of the random walk: librsm calls on segments kept by slot in a peer. */
import type {
  rsm_memseg_export_handle_t,
  rsm_memseg_import_handle_t,
  rsmapi_barrier_t,
  rsmapi_controller_handle_t,
} from '../../../src/librsm/index.ts';
import { signalTo } from '../actors.ts';
import { type Peer, startPeer } from '../peer.ts';

/** What a peer of the walk keeps, by slot. */
interface Slots {
  controller: rsmapi_controller_handle_t;
  exports: { handle: rsm_memseg_export_handle_t; memories: ArrayBuffer[] }[];
  imports: {
    handle: rsm_memseg_import_handle_t;
    barrier: rsmapi_barrier_t;
    mapping: ArrayBuffer | undefined;
  }[];
}

/** A process of the walk under a name; killed ones are replaced. */
export class Actor {
  readonly name: string;
  readonly uid: number;
  #peer: Peer | undefined;

  constructor(name: string, uid: number) {
    this.name = name;
    this.uid = uid;
  }

  async start(): Promise<void> {
    this.#peer = await startPeer({ uid: this.uid });
    await this.#peer.run(({ rsm, kept }) => {
      const slots = kept as unknown as Slots;
      const controller = rsm.out<rsmapi_controller_handle_t>();
      if (rsm.rsm_get_controller('loopback', controller) !== 0) throw new Error('get_controller');
      Object.assign(slots, { controller: controller.value, exports: [], imports: [] });
    });
  }

  async kill(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.#peer !== undefined) await signalTo(this.#peer, signal);
    this.#peer = undefined;
  }

  get #running(): Peer {
    return this.#peer!;
  }

  /** Ends every segment, so that the next walk begins with nothing. */
  reset(): Promise<void> {
    return this.#running.run(({ rsm, kept }) => {
      const slots = kept as unknown as Slots;
      for (const { handle } of slots.imports.filter(Boolean)) {
        rsm.rsm_memseg_import_unmap(handle);
        if (rsm.rsm_memseg_import_disconnect(handle) !== 0) throw new Error('disconnect');
      }
      for (const { handle } of slots.exports.filter(Boolean)) {
        if (rsm.rsm_memseg_export_destroy(handle) !== 0) throw new Error('destroy');
      }
      Object.assign(slots, { exports: [], imports: [] });
    });
  }

  create(slot: number, fill: [number, number], pages: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, values: number[], count: number) => {
        const slots = kept as unknown as Slots;
        const memories = values.map((value) => {
          const memory = rsm.valloc(count * 4096)!;
          new Uint32Array(memory).fill(value);
          return memory;
        });
        const handle = rsm.out<rsm_memseg_export_handle_t>();
        const [memory] = memories;
        const flags = rsm.RSM_ALLOW_REBIND;
        const result = rsm.rsm_memseg_export_create(slots.controller, handle, memory!, count * 4096, flags);
        if (result === 0) slots.exports[at] = { handle: handle.value!, memories };
        return result;
      },
      slot,
      fill,
      pages,
    );
  }

  destroy(slot: number): Promise<number> {
    return this.#running.run(({ rsm, kept }, at: number) => {
      const slots = kept as unknown as Slots;
      const result = rsm.rsm_memseg_export_destroy(slots.exports[at]!.handle);
      if (result === 0) delete slots.exports[at];
      return result;
    }, slot);
  }

  /** permission undefined: no access list. */
  publish(slot: number, id: number, permission: number | undefined, again: boolean): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, wanted: number, bits: number | null, republish: boolean) => {
        const { handle } = (kept as unknown as Slots).exports[at]!;
        const list = bits === null ? null : [{ ae_node: 0, ae_permission: bits }];
        if (republish) return rsm.rsm_memseg_export_republish(handle, list, list?.length ?? 0);
        return rsm.rsm_memseg_export_publish(handle, rsm.out(wanted), list, list?.length ?? 0);
      },
      slot,
      id,
      permission ?? null,
      again,
    );
  }

  unpublish(slot: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number) =>
        rsm.rsm_memseg_export_unpublish((kept as unknown as Slots).exports[at]!.handle),
      slot,
    );
  }

  rebind(slot: number, memory: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, index: number) => {
        const { handle, memories } = (kept as unknown as Slots).exports[at]!;
        return rsm.rsm_memseg_export_rebind(handle, memories[index]!, 0, memories[index]!.byteLength);
      },
      slot,
      memory,
    );
  }

  /** The observed words of both memories of an export. */
  memories(slot: number): Promise<number[][]> {
    return this.#running.run(
      ({ kept }, at: number) =>
        (kept as unknown as Slots).exports[at]!.memories.map((memory) => {
          const words = new Uint32Array(memory);
          return Array.from({ length: words.length / 1024 }, (_, page) => words[page * 1024]!);
        }),
      slot,
    );
  }

  /** The exporter's own store. */
  set(slot: number, memory: number, page: number, value: number): Promise<void> {
    return this.#running.run(
      ({ kept }, at: number, index: number, where: number, word: number) => {
        new Uint32Array((kept as unknown as Slots).exports[at]!.memories[index]!)[where * 1024] = word;
      },
      slot,
      memory,
      page,
      value,
    );
  }

  connect(slot: number, id: number, mode: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, wanted: number, permission: number) => {
        const slots = kept as unknown as Slots;
        const handle = rsm.out<rsm_memseg_import_handle_t>();
        const result = rsm.rsm_memseg_import_connect(slots.controller, 0, wanted, permission, handle);
        if (result !== 0) return result;
        const barrier = rsm.rsmapi_barrier();
        slots.imports[at] = { handle: handle.value!, barrier, mapping: undefined };
        return rsm.rsm_memseg_import_init_barrier(handle.value!, rsm.RSM_BAR_DEFAULT, barrier);
      },
      slot,
      id,
      mode,
    );
  }

  disconnect(slot: number): Promise<number> {
    return this.#running.run(({ rsm, kept }, at: number) => {
      const slots = kept as unknown as Slots;
      const result = rsm.rsm_memseg_import_disconnect(slots.imports[at]!.handle);
      if (result === 0) delete slots.imports[at];
      return result;
    }, slot);
  }

  map(slot: number, mode: number, offset: number, length: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, permission: number, from: number, bytes: number) => {
        const segment = (kept as unknown as Slots).imports[at]!;
        const address = rsm.out<ArrayBuffer | Uint8Array>();
        const { handle } = segment;
        const result = rsm.rsm_memseg_import_map(handle, address, rsm.RSM_MAP_NONE, permission, from, bytes);
        if (result === 0) segment.mapping = address.value as ArrayBuffer;
        return result;
      },
      slot,
      mode,
      offset,
      length,
    );
  }

  unmap(slot: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number) =>
        rsm.rsm_memseg_import_unmap((kept as unknown as Slots).imports[at]!.handle),
      slot,
    );
  }

  put(slot: number, page: number, value: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, at: number, where: number, word: number) => {
        const { handle } = (kept as unknown as Slots).imports[at]!;
        return rsm.rsm_memseg_import_put32(handle, where * 4096, new Uint32Array([word]), 1);
      },
      slot,
      page,
      value,
    );
  }

  get(slot: number, page: number): Promise<{ code: number; value: number }> {
    return this.#running.run(
      ({ rsm, kept }, at: number, where: number) => {
        const { handle } = (kept as unknown as Slots).imports[at]!;
        const word = new Uint32Array(1);
        const code = rsm.rsm_memseg_import_get32(handle, where * 4096, word, 1);
        return { code, value: word[0]! };
      },
      slot,
      page,
    );
  }

  /** A store through the mapping (value given) or a load; `page` counts from the mapping's start. */
  touch(slot: number, page: number, value: number | undefined): Promise<number> {
    return this.#running.run(
      ({ kept }, at: number, where: number, word: number | null) => {
        const words = new Uint32Array((kept as unknown as Slots).imports[at]!.mapping!);
        if (word !== null) words[where * 1024] = word;
        return words[where * 1024]!;
      },
      slot,
      page,
      value ?? null,
    );
  }

  post(kind: 'exports' | 'imports', slot: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, which: 'exports' | 'imports', at: number) =>
        rsm.rsm_intr_signal_post((kept as unknown as Slots)[which][at]!.handle, 0),
      kind,
      slot,
    );
  }

  /** wait with timeout 0. */
  take(kind: 'exports' | 'imports', slot: number): Promise<number> {
    return this.#running.run(
      ({ rsm, kept }, which: 'exports' | 'imports', at: number) =>
        rsm.rsm_intr_signal_wait((kept as unknown as Slots)[which][at]!.handle, 0),
      kind,
      slot,
    );
  }

  /** Whether the segment's barrier says that the connection is broken: what kill brings about in a while. */
  broken(slot: number): Promise<boolean> {
    return this.#running.run(({ rsm, kept }, at: number) => {
      const { barrier } = (kept as unknown as Slots).imports[at]!;
      rsm.rsm_memseg_import_open_barrier(barrier);
      return rsm.rsm_memseg_import_close_barrier(barrier) === rsm.RSMERR_CONN_ABORTED;
    }, slot);
  }
}
