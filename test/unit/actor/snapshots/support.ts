import type { AnyActorLogic, AnyStateMachine } from 'xstate';
import { createActor } from 'xstate';
import type { PersistenceSignal } from '../../../../src/actor/entity/entity-options.ts';
import type { PersistenceId } from '../../../../src/ports/journal-plugin.ts';
import type { SnapshotMetadata, SnapshotStore } from '../../../../src/ports/snapshot-store.ts';
import { SnapshotCriteria } from '../../../../src/ports/snapshot-store.ts';
import { InMemorySnapshotStore } from '../../../../src/stores/memory/in-memory-snapshot-store.ts';
import type { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { counterMachine } from '../counter.ts';
import type { TestHostOptions } from '../support.ts';
import { settle, testHost } from '../support.ts';

/** A store in memory whose calls are noted, and can be held back and failed. */
export class TestSnapshotStore extends InMemorySnapshotStore implements SnapshotStore {
  isOptional = false;
  onlyOne = false;
  /** Calls, in order: `save 3`, `delete 3`, `delete <= 3`, `load`. */
  readonly calls: string[] = [];
  readonly #failures = new Map<string, Error>();
  #gate: Promise<void> | undefined;
  #answer: (() => Promise<void>) | undefined;

  /** The next call of this kind fails; a save is stored all the same. */
  failNext(call: 'load' | 'save' | 'delete' | 'deleteMatching', error = new Error('broken')): void {
    this.#failures.set(call, error);
  }

  /** Saves and loads wait until the returned function is called. */
  block(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return () => {
      this.#gate = undefined;
      resolve();
    };
  }

  /** The next save is stored, and fails when the test says so. */
  answerNextSave(): { readonly reached: Promise<void>; fail(error: Error): void } {
    const reached = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    this.#answer = async () => {
      this.#answer = undefined;
      reached.resolve();
      await answer.promise;
    };
    return { reached: reached.promise, fail: answer.reject };
  }

  /** Numbers of the snapshots of an entity. */
  async numbers(id: string): Promise<readonly number[]> {
    const numbers: number[] = [];
    let maxSeqNr = Number.MAX_SAFE_INTEGER;
    for (;;) {
      const criteria = { ...SnapshotCriteria.all, maxSeqNr };
      const found = await super.load(id as PersistenceId, criteria);
      if (found === undefined) return numbers.reverse();
      numbers.push(found.metadata.seqNr);
      maxSeqNr = found.metadata.seqNr - 1;
    }
  }

  /** The newest snapshot as what it is. */
  async text(id: string): Promise<Record<string, unknown>> {
    const found = await super.load(id as PersistenceId, SnapshotCriteria.all);
    if (found === undefined) throw new Error(`no snapshot of ${id}`);
    return JSON.parse(new TextDecoder().decode(found.snapshot)) as Record<string, unknown>;
  }

  override async load(id: PersistenceId, criteria: SnapshotCriteria) {
    this.calls.push('load');
    await this.#gate;
    this.#throw('load');
    return await super.load(id, criteria);
  }

  override async save(metadata: SnapshotMetadata, snapshot: Uint8Array): Promise<void> {
    this.calls.push(`save ${metadata.seqNr}`);
    await this.#gate;
    await super.save(metadata, snapshot);
    this.#throw('save');
    await this.#answer?.();
  }

  override async delete(metadata: SnapshotMetadata): Promise<void> {
    this.calls.push(`delete ${metadata.seqNr}`);
    this.#throw('delete');
    await super.delete(metadata);
  }

  override async deleteMatching(id: PersistenceId, criteria: SnapshotCriteria): Promise<void> {
    this.calls.push(`delete <= ${criteria.maxSeqNr}`);
    this.#throw('deleteMatching');
    await super.deleteMatching(id, criteria);
  }

  #throw(call: string): void {
    const failure = this.#failures.get(call);
    this.#failures.delete(call);
    if (failure !== undefined) throw failure;
  }
}

export interface SnapshotWorldOptions extends TestHostOptions {
  readonly store?: TestSnapshotStore;
  /** Options of the entity. */
  readonly entity?: object;
  readonly machine?: AnyStateMachine;
  readonly input?: unknown;
}

/** As in real life, no two processes have one. */
let writers = 0;

/** One process with a snapshot store, and an entity in it; another call is the next process. */
export function open(options: SnapshotWorldOptions = {}) {
  const {
    store = new TestSnapshotStore(),
    entity,
    machine,
    input = { id: '1' },
    ...rest
  } = options;
  const signals: string[] = [];
  const causes: unknown[] = [];
  const randomUuid = () => `writer-${++writers}`;
  const test = testHost({ randomUuid, snapshotStore: async () => store, ...rest });
  const onSignal = ({ type, sequenceNr, cause }: PersistenceSignal): void => {
    signals.push(`${type} ${sequenceNr}`);
    if (cause !== undefined) causes.push(cause);
  };
  const logic = test.host.persistent(
    (machine ?? counterMachine()) as never,
    {
      persistenceId: 'c|1',
      onSignal,
      ...entity,
    } as never,
  );
  const start = () => {
    const actor = createActor(logic as unknown as AnyActorLogic, { input } as never);
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  const actor = start();
  return {
    ...test,
    store,
    signals,
    causes,
    actor,
    recovered: () => test.host.whenRecovered(actor),
    tell: (type: string, fields: object = {}) =>
      test.host.ask(actor as never, { type, ...fields } as never),
    add: (n: number) => test.host.ask(actor as never, { type: 'added', n } as never),
    count: (): number => actor.getSnapshot().context.count,
  };
}

/** Adds 1 so often, one command after the other. */
export async function addOnes(world: ReturnType<typeof open>, times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await world.add(1);
    await settle();
  }
}

/** First numbers that recoveries have read from, in order. */
export function readFrom(journal: MemoryJournalPlugin): readonly number[] {
  return journal.requests.map(({ from }) => from);
}
