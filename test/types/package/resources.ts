/** What is opened and closed, journals by key, plugins. It is compiled, and never run. */
import type {
  AtomicWrite,
  Config,
  HeldJournal,
  JournalPlugin,
  PersistenceId,
  PersistentRepr,
  PluginContext,
  ReplayRequest,
  SnapshotCriteria,
  SnapshotMetadata,
  SnapshotStorePlugin,
  StoredSnapshot,
} from 'kafka-journal';
import {
  CodecError,
  createPersistence,
  DataIntegrityError,
  EntityStoppedError,
  InvalidInputError,
  Key,
  openJournals,
  SeqNr,
} from 'kafka-journal';
import { sameType } from './same-type.ts';

declare const file: string | undefined;

/** What a plugin of a user says where it knows only some of the place. */
export function damaged(id: string | undefined, stored: 'yes' | undefined): readonly Error[] {
  return [
    new DataIntegrityError('a number is missing', { place: { id, seqNr: undefined } }),
    new CodecError('no event', { cause: undefined, place: undefined }),
    new InvalidInputError('no event', { path: id }),
    new EntityStoppedError('it is gone', { stored }),
  ];
}

/** What a plugin of a user reads of its section. */
export function urlIn(config: Config): string {
  return config.getString('url');
}

export class MyJournal implements JournalPlugin {
  readonly url: string;

  constructor({ config, configPath, rootConfig, log, clock, signal }: PluginContext) {
    this.url = urlIn(config);
    if (signal.aborted || !rootConfig.has(configPath)) log.warn({ at: clock.nowMs() }, 'late');
  }

  async write(writes: readonly AtomicWrite[]) {
    return writes.map(() => ({ type: 'stored' }) as const);
  }

  async deleteTo(_id: PersistenceId, _to: SeqNr): Promise<void> {}

  async highestSeqNr(_id: PersistenceId, from: number): Promise<number> {
    return from;
  }

  async *replay({ from, to }: ReplayRequest): AsyncGenerator<readonly PersistentRepr[]> {
    if (from > to) yield [];
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

export class MySnapshots implements SnapshotStorePlugin {
  async load(_id: PersistenceId, _which: SnapshotCriteria): Promise<StoredSnapshot | undefined> {
    return undefined;
  }

  async save(_metadata: SnapshotMetadata, snapshot: Uint8Array): Promise<void> {
    sameType<typeof snapshot.byteLength, number>(true);
  }

  async delete(_metadata: SnapshotMetadata): Promise<void> {}

  async deleteMatching(_id: PersistenceId, _which: SnapshotCriteria): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

export async function opensPlugins(): Promise<void> {
  await using persistence = await createPersistence({
    file,
    config: undefined,
    log: undefined,
    plugins: {
      'my.journal': MyJournal,
      'my.other.journal': (context) => new MyJournal(context),
      'my.third.journal': { create: async (context: PluginContext) => new MyJournal(context) },
      'my.snapshots': () => new MySnapshots(),
    },
  });
  const mine = await persistence.journal('my.journal', MyJournal);
  sameType<typeof mine, MyJournal>(true);
  // @ts-expect-error a snapshot store is no journal
  await persistence.journal('my.snapshots', MySnapshots);
  // @ts-expect-error a file is a text
  await createPersistence({ file: 1 });
  // @ts-expect-error nothing that makes a plugin
  await createPersistence({ plugins: { 'my.journal': 'my-journal.ts' } });
  // @ts-expect-error it makes no plugin
  await createPersistence({ plugins: { 'my.journal': () => new Map() } });
  // @ts-expect-error a logger has levels
  await createPersistence({ log: (line: string) => line });
}

/** A journal without what every journal has to do. */
// @ts-expect-error it cannot replay
export class HalfAJournal implements JournalPlugin {
  write = async () => [];
  deleteTo = async () => {};
  highestSeqNr = async () => 0;
  async [Symbol.asyncDispose](): Promise<void> {}
}

export async function opensJournals(): Promise<void> {
  await using opened = await openJournals({ file, plugin: undefined });
  for await (const id of opened.ids('journal')) sameType<typeof id, string>(true);
  // @ts-expect-error a topic is a text
  opened.ids(1);
  await using held = await opened.hold(Key.of('journal', 'a-1'), { signal: undefined });
  sameType<typeof held, HeldJournal>(true);
  await held.append([
    { seqNr: SeqNr.of(1), tags: ['a'], payload: { type: 'json', value: { cents: 1 } } },
  ]);
  const read = held.read();
  for await (const events of read)
    sameType<(typeof events)[number]['event']['tags'], readonly string[]>(true);
  // @ts-expect-error a held journal needs no marks
  await held.mark();
  // @ts-expect-error a key has a topic and an id
  await opened.hold('a-1');
  // @ts-expect-error numbers are made by SeqNr
  await opened.of(Key.of('journal', 'a-1')).delete(1);
}

export async function sharesJournals(): Promise<void> {
  await using persistence = await createPersistence({ config: 'a = 1' });
  const { journals, keyOf } = await persistence.journal();
  await journals.of(keyOf('a-1')).pointer();
  const named = await persistence.journal('my.section');
  sameType<typeof named.journals, typeof journals>(true);
}
