import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import fc from 'fast-check';
import { assign, type EventObject, setup, waitFor } from 'xstate';
import { createPersistence, isReady, type Persistence } from '../../../src/index.ts';
import {
  CommandRejectedError,
  InvalidInputError,
  WriteRejectedError,
} from '../../../src/model/errors.ts';
import { temporaryFile } from '../../unit/stores/sqlite/temporary-file.ts';
import { seed } from '../codec/seed.ts';
import { tags as tagsSample } from './append-samples.ts';
import { beginRun, eventSample, refused, type Sample } from './samples.ts';
import { canonical } from './write-read.law.ts';

const path = 'evolutiongaming.kafka-journal.embedded.journal';
const runs = 300;

interface Noted extends EventObject {
  readonly type: 'noted';
  readonly note: unknown;
}

/** What an entity is asked, and what must become of it. */
interface Case {
  readonly id: string;
  readonly note: Sample;
  readonly tags: Sample;
}

/** Answers what the entity lived through, in its own words. */
type Notes = (id: string) => {
  readonly ask: (event: Noted) => Promise<unknown>;
  readonly notes: () => Promise<readonly unknown[]>;
};

const notebook = setup({
  types: { context: {} as { notes: unknown[] }, events: {} as Noted, input: {} as { id: string } },
}).createMachine({
  context: { notes: [] },
  on: {
    noted: { actions: assign({ notes: ({ context, event }) => [...context.notes, event.note] }) },
  },
});

const persistenceId = ({ input }: { input: { id: string } }): string => input.id;
/** What the tagger answers next, of any kind: callers use JavaScript. */
let nextTags: unknown = [];
const tagger = (): Iterable<string> => nextTags as Iterable<string>;

function machines(persistence: Persistence): Notes {
  const logic = persistence.persistent(notebook, { persistenceId, tagger });
  const entities = persistence.entities('notebook', logic);
  return (id) => ({
    ask: (event) => entities.ask(id, event),
    notes: async () => (await waitFor(entities.ref(id), isReady)).context.notes,
  });
}

function behaviors(persistence: Persistence): Notes {
  const logic = persistence.behavior({
    types: { state: {} as { notes: unknown[] }, commands: {} as Noted, events: {} as Noted },
    persistenceId,
    tagger,
    initialState: { notes: [] },
    decide: ({ command }) => ({ type: 'persist', events: [command] }),
    evolve: ({ notes }, { note }) => ({ notes: [...notes, note] }),
  });
  const entities = persistence.entities('notebook', logic);
  return (id) => ({
    ask: (event) => entities.ask(id, event),
    notes: async () => (await waitFor(entities.ref(id), isReady)).context.notes,
  });
}

const good: Noted = { type: 'noted', note: 'alive' };

for (const [front, notesOf] of [
  ['machines', machines],
  ['behaviors', behaviors],
] as const) {
  describe(`property: what an actor's asker was told is stored can be recovered, ${front} (seed ${seed})`, () => {
    it(`or was refused, and the entity lives: ${runs} commands`, async () => {
      await using temporary = await temporaryFile();
      const config = `akka.persistence.journal.plugin = "${path}", ${path}.file = "${temporary.file}"`;
      const kept = await live(config, notesOf);
      const persistence = await createPersistence({ config });
      try {
        const notes = notesOf(persistence);
        for (const { id, given, expected } of kept) {
          const recovered = canonical(await notes(id).notes());
          if (recovered !== expected) expect(recovered, fc.stringify(given)).to.equal(expected);
        }
        await replicated(temporary.file);
      } finally {
        await persistence.shutdown();
      }
    }).timeout(60_000);
  });
}

interface Kept {
  readonly id: string;
  readonly given: Case;
  readonly expected: string;
}

async function live(config: string, notesOf: (persistence: Persistence) => Notes): Promise<Kept[]> {
  const persistence = await createPersistence({ config });
  const samples = fc.sample(fc.tuple(eventSample, tagsSample), { seed, numRuns: runs });
  const kept: Kept[] = [];
  try {
    const notes = notesOf(persistence);
    for (const [index, [note, tags]] of samples.entries()) {
      const given: Case = { id: `n-${index}`, note, tags };
      kept.push({ id: given.id, given, expected: await lived(notes(given.id), given) });
    }
  } finally {
    await persistence.shutdown();
  }
  return kept;
}

/** A tagger may answer any iterable but a text; its tags are texts that are not blank. */
function areTags({ given, plain }: Sample): boolean {
  if (given instanceof Set) return true;
  const isList = plain !== refused && Array.isArray(plain);
  return isList && plain.every((tag) => typeof tag === 'string' && tag.trim() !== '');
}

/** The notes that must be recovered. */
async function lived(entity: ReturnType<Notes>, { note, tags }: Case): Promise<string> {
  const command: Noted = { type: 'noted', note: note.given };
  nextTags = tags.given;
  beginRun();
  const error: unknown = await entity.ask(command).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  const mustRefuse = note.plain === refused || !areTags(tags);
  const isTyped = [WriteRejectedError, CommandRejectedError, InvalidInputError].some(
    (type) => error instanceof type,
  );
  if ((error !== undefined) !== mustRefuse || (error !== undefined && !isTyped)) {
    expect.fail(`${fc.stringify(note)} with ${fc.stringify(tags)}: ${String(error)}`);
  }
  nextTags = [];
  await entity.ask(good);
  const stored = canonical(error === undefined ? [note.plain, good.note] : [good.note]);
  expect(canonical(await entity.notes()), 'live').to.equal(stored);
  return stored;
}

/**
 * Waits until the replicator in the process has passed the end of the log: a record that it refuses
 * would hold it.
 */
async function replicated(file: string): Promise<void> {
  using database = new DatabaseSync(file);
  const behind = database.prepare(
    `SELECT count(*) AS n FROM log_partition p WHERE next_offset - 1 > coalesce(
       (SELECT "offset" FROM pointer r WHERE r.topic = p.topic AND r.partition = p.partition), -1)`,
  );
  for (let tries = 0; tries < 200; tries++) {
    if (behind.get()?.['n'] === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect.fail('a partition is held');
}
