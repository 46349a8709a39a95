/**
 * What a library of a user exports without naming its type: the compiler has to write each type
 * into the declarations, so each has a name in the package. It is compiled, and never run.
 */
import type {
  AnyEntityLogic,
  AskResult,
  AtomicWrite,
  Decision,
  EntityOptions,
  EntityRegistryArgs,
  EventFacts,
  EventRecord,
  EvolutionOptions,
  Persistence,
  RestartBackoff,
} from 'kafka-journal';
import { createPersistence, deliver, isReady, Key, openJournals, SeqNr } from 'kafka-journal';
import { createActor, type SnapshotFrom } from 'xstate';
import { account, type Booked, type Command } from './account.ts';

declare const persistence: Persistence;

export const open = async () => await createPersistence({ file: 'application.conf' });

export const accountLogic = persistence.persistent(account, {
  types: { commands: {} as Command },
  decide: ({ snapshot }) => ({ type: 'none', reply: { cents: snapshot.context.cents } }),
});
export const accounts = persistence.entities('account', accountLogic);
export const oneAccount = createActor(accountLogic, { input: { id: 'a-1' } });
export const looked = async () => await accounts.ask('a-1', { type: 'look' });
export const shown = oneAccount.getSnapshot();
export const phaseOf = () => shown.persistence.phase;
export const isOpen = () => isReady(shown);

export const counterLogic = persistence.behavior({
  types: { commands: {} as Command, events: {} as Booked },
  initialState: 0,
  decide: ({ state }): Decision<Booked> => ({ type: 'none', reply: state }),
  evolve: (state, { cents }) => state + cents,
});
export const counters = persistence.entities('counter', counterLogic);
export const counted = async () => await counters.ask('c-1', { type: 'look' });
export const counterShown = counters.ref('c-1').getSnapshot();
export const counterPeeked = async () => await counters.peek('c-1');
export const journalOf = ({ persistence: of }: SnapshotFrom<typeof counterLogic>) => ({ ...of });
export const answerOf = <S>(result: AskResult<S>) => ({ ...result });

/** A company's own front doors. */
export function openAudited<L extends AnyEntityLogic>(
  type: string,
  logic: L,
  ...options: EntityRegistryArgs<L>
) {
  return persistence.entities(type, logic, ...options);
}
export const audited = openAudited('audited', accountLogic);
export const auditedReply = async () => (await audited.ask('a-1', { type: 'look' })).reply;

export function service({ persistent, behavior, entities, ask }: Persistence) {
  return { persistent, behavior, entities, ask };
}

export const key = Key.of('journal', 'a-1');
export const { topic } = key;
export const journals = async () => await openJournals({ file: 'application.conf' });
export const hits = async () => (await journals()).headCacheStats;
export const append = async () => {
  const events = [{ seqNr: SeqNr.of(1), tags: [], payload: undefined }];
  return await (await journals()).of(key).append(events);
};
export const offset = async () => (await append()).offset;
export const partition = async () => (await append()).partition;
export const metadataOf = ({ record: { metadata } }: EventRecord) => ({ ...metadata });
export const headersOf = ({ record: { headers } }: EventRecord) => headers;
export const writtenBy = ({ wake, beside }: AtomicWrite) => ({ wake, beside });
export const expiryOf = ({ beside }: AtomicWrite) => beside?.expireAfter;
export const factsOf = ({ command, deliveries }: EventFacts) => ({ command, deliveries });
export const backoffOf = ({ minBackoff }: RestartBackoff) => minBackoff;
export const taggerOf = ({ tagger }: EntityOptions<number, Booked>) => tagger;
export const serializersOf = ({ serializers }: EvolutionOptions<Booked>) => serializers;
export const mail = deliver({ to: 'mail', message: { text: 'hello' } });
