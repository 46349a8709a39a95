import {
  type BeforeChange,
  changeByAppend,
  changeByDelete,
  changeByPurge,
  type RowChange,
} from '../../../src/history/row-change.ts';
import { FencedError, InvalidInputError } from '../../../src/model/errors.ts';
import type { JournalPointer } from '../../../src/model/journal-pointer.ts';
import { Key } from '../../../src/model/key.ts';
import { type Offset, type Partition, Topic } from '../../../src/model/position.ts';
import type {
  ReplicatedAppend,
  ReplicatedDelete,
  ReplicatedPurge,
} from '../../../src/model/replicated-batch.ts';
import type { LastTenure, OpenedTenure, TenurePlace } from '../../../src/model/tenure.ts';
import type { WakeUp, WakeUpChange } from '../../../src/model/wake-up.ts';
import type {
  ExpiredJournal,
  ExpiredRange,
  ExpiredUntil,
  KnownTenures,
  KnownWakeUps,
  OffsetMove,
  ReplicatedJournal,
  ReplicatedKeyJournal,
  WakeUpTime,
} from '../../../src/ports/replicated-journal.ts';

/** A call about to be made; `key` is `topic:id`. */
export interface StoreCall {
  readonly name:
    | 'claim'
    | 'open'
    | 'append'
    | 'delete'
    | 'purge'
    | 'saveOffset'
    | 'tenuresUpTo'
    | 'saveTenures'
    | 'loadWakeUp'
    | 'saveWakeUp'
    | 'saveWakeUps'
    | 'lastTenure'
    | 'journalPlaces'
    | 'expired'
    | 'expiredUntil'
    | 'saveExpiredUntil';
  readonly key?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly nowMs?: number;
  /** Of `saveTenures`, how many opening marks. */
  readonly openings?: number;
}

interface Claim {
  epoch: number | undefined;
  /**
   * Grows with each claim of the partition: as write timestamps do, it says which of two is late.
   */
  readonly turn: number;
}

/** Of the claims under which marks and W of a partition were stored; none = before all claims. */
interface TenureTurns {
  claims: number;
  upTo: number;
  readonly marks: Map<number, number>;
}

interface StoredNumber {
  readonly seqNr: number;
  readonly offset: number;
}

/** What is left of one journal. */
export interface StoredJournal {
  pointer: JournalPointer | undefined;
  /** By number and offset of the record: two writers may claim one number. */
  readonly events: Map<string, StoredNumber>;
}

/**
 * The replicated store as plain maps, by the rules of the port: the model that the replicator is
 * tested against. `before` runs before each call and may throw, to inject a failure, or wait.
 */
export class MemoryReplicatedJournal implements ReplicatedJournal {
  readonly journals: Map<string, StoredJournal>;
  readonly offsets: Map<string, number>;
  /** Opening marks of each partition, by offset. */
  readonly tenures: Map<string, Map<number, OpenedTenure>>;
  /** W of each partition. */
  readonly tenuresKnown: Map<string, number>;
  readonly #tenureTurns: Map<string, TenureTurns>;
  /** What each journal waits for, by `topic:id`. */
  readonly wakeUps: Map<string, WakeUp>;
  /** How far the wake-ups of each partition are complete. */
  readonly wakeUpsKnown: Map<string, number>;
  /** How often each partition was claimed. */
  readonly epochs: Map<string, number>;
  readonly expiredDays = new Map<string, string>();
  /** Days asked for, `from..to`. */
  readonly ranges: string[] = [];
  /** Shares asked for. */
  readonly shares: ExpiredRange['share'][] = [];
  /** Every call that was let through, in order. */
  readonly calls: StoreCall[] = [];
  before: (call: StoreCall) => void | Promise<void> = () => {};
  readonly #busyKeys = new Set<string>();
  #inFlight = 0;
  maxInFlight = 0;
  /** Partitions that this process has claimed; no epoch where nothing was replicated. */
  readonly #claims = new Map<string, Claim>();

  /** @param other a process that works on the same data */
  constructor(other?: MemoryReplicatedJournal) {
    const data = other ?? noData();
    this.journals = data.journals;
    this.offsets = data.offsets;
    this.tenures = data.tenures;
    this.tenuresKnown = data.tenuresKnown;
    this.#tenureTurns = other === undefined ? new Map() : other.#tenureTurns;
    this.epochs = data.epochs;
    this.wakeUps = data.wakeUps;
    this.wakeUpsKnown = data.wakeUpsKnown;
  }

  topics(): Promise<readonly Topic[]> {
    return Promise.resolve([]);
  }

  async claim(topic: Topic, partition: Partition): Promise<Offset | undefined> {
    await this.#call({ name: 'claim', partition });
    const place = `${topic}/${partition}`;
    const stored = this.offsets.get(place);
    const epoch = stored === undefined ? undefined : this.#nextEpoch(place);
    this.#claims.set(place, { epoch, turn: ++this.#turnsOf(place).claims });
    return stored as Offset | undefined;
  }

  #turnsOf(place: string): TenureTurns {
    const turns = this.#tenureTurns.get(place) ?? { claims: 0, upTo: 0, marks: new Map() };
    this.#tenureTurns.set(place, turns);
    return turns;
  }

  #nextEpoch(place: string): number {
    const epoch = (this.epochs.get(place) ?? 0) + 1;
    this.epochs.set(place, epoch);
    return epoch;
  }

  async saveOffset(move: OffsetMove, nowMs: number): Promise<void> {
    const { topic, partition, offset, after } = move;
    if (after !== undefined && offset < after) throw new InvalidInputError('it would move back');
    await this.#call({ name: 'saveOffset', partition, offset, nowMs });
    const place = `${topic}/${partition}`;
    const claim = this.#claims.get(place);
    const stored = this.offsets.get(place);
    if (claim === undefined || !this.#mayMove(move, claim, stored)) {
      throw new FencedError(`${topic} ${partition} stands at ${stored ?? 'none'}`);
    }
    claim.epoch ??= this.#nextEpoch(place);
    this.offsets.set(place, offset);
  }

  /**
   * Nobody has claimed it since; or it is the first move, which another process has made as well.
   */
  #mayMove(move: OffsetMove, claim: Claim, stored: number | undefined): boolean {
    const { topic, partition, offset, after } = move;
    const epoch = stored === undefined ? undefined : this.epochs.get(`${topic}/${partition}`);
    if (claim.epoch === undefined && stored === offset) return true;
    return claim.epoch === epoch && (stored === after || stored === offset);
  }

  /** Another replicator has moved W and R, of `topic/partition`. */
  moved(place: string, offset: number): void {
    const turns = this.#turnsOf(place);
    turns.upTo = ++turns.claims;
    this.tenuresKnown.set(place, offset);
    this.offsets.set(place, offset);
  }

  async tenuresUpTo(topic: Topic, partition: Partition): Promise<Offset | undefined> {
    await this.#call({ name: 'tenuresUpTo', partition });
    return this.tenuresKnown.get(`${topic}/${partition}`) as Offset | undefined;
  }

  /** What is stored late loses against a later claim's; the first call removes what came before. */
  async saveTenures(known: KnownTenures): Promise<void> {
    const { topic, partition, openings, upTo, isFirst = false } = known;
    const name = 'saveTenures';
    await this.#call({ name, partition, offset: upTo, openings: openings.length });
    const place = `${topic}/${partition}`;
    const stored = this.tenures.get(place) ?? new Map<number, OpenedTenure>();
    const turns = this.#turnsOf(place);
    const turn = this.#claims.get(place)?.turn ?? 0;
    for (const opening of openings) {
      stored.set(opening.offset, opening);
      turns.marks.set(opening.offset, turn);
    }
    for (const offset of isFirst ? [...stored.keys()] : []) {
      if ((turns.marks.get(offset) ?? 0) < turn) stored.delete(offset);
    }
    this.tenures.set(place, stored);
    if (turn < turns.upTo) return;
    this.tenuresKnown.set(place, upTo);
    turns.upTo = turn;
  }

  async lastTenure({ topic, partition, scope }: TenurePlace, upTo: Offset): Promise<LastTenure> {
    await this.#call({ name: 'lastTenure', key: scope, partition, offset: upTo });
    const place = `${topic}/${partition}`;
    if ((this.tenuresKnown.get(place) ?? -1) < upTo) return 'unknown';
    const opened = [...(this.tenures.get(place)?.values() ?? [])].filter(
      (opening) => opening.scope === scope && opening.offset <= upTo,
    );
    return opened.toSorted((x, y) => y.offset - x.offset)[0]?.offset;
  }

  async wakeUpsUpTo(topic: Topic, partition: Partition): Promise<Offset | undefined> {
    return this.wakeUpsKnown.get(`${topic}/${partition}`) as Offset | undefined;
  }

  async saveWakeUps({ topic, partition, upTo, isFirst }: KnownWakeUps): Promise<boolean> {
    await this.#call({ name: 'saveWakeUps', partition, offset: upTo });
    for (const [key, { offset }] of this.wakeUps) {
      if (isFirst && key.startsWith(`${topic}:`) && offset > upTo) this.wakeUps.delete(key);
    }
    this.wakeUpsKnown.set(`${topic}/${partition}`, upTo);
    return true;
  }

  async *journalPlaces(topic: Topic) {
    for (const [key, { pointer }] of this.journals) {
      await this.#call({ name: 'journalPlaces', key });
      if (pointer === undefined || !key.startsWith(`${topic}:`)) continue;
      yield [{ id: key.slice(topic.length + 1), at: pointer.at }];
    }
  }

  /** All expired journals in one page, in the share of their partition. */
  async *expired({ topic, share, from, to }: ExpiredRange) {
    this.ranges.push(`${from}..${to}`);
    this.shares.push(share);
    await this.#call({ name: 'expired', partition: share.index });
    const found: ExpiredJournal[] = [];
    for (const [key, { pointer }] of this.journals) {
      const on = pointer?.expiry?.on;
      if (pointer === undefined || on === undefined || on < from || on > to) continue;
      if (share.index !== pointer.at.partition % share.of) continue;
      found.push({ id: key.slice(topic.length + 1), at: pointer.at, expireOn: on });
    }
    if (found.length > 0) yield found;
  }

  async expiredUntil(topic: Topic, partition: Partition): Promise<string | undefined> {
    return this.expiredDays.get(`${topic}/${partition}`);
  }

  async saveExpiredUntil(until: ExpiredUntil): Promise<void> {
    await this.#call({ name: 'saveExpiredUntil', partition: until.partition });
    this.expiredDays.set(`${until.topic}/${until.partition}`, until.day);
  }

  async open(key: Key): Promise<ReplicatedKeyJournal> {
    await this.#call({ name: 'open', key: Key.toString(key) });
    const name = Key.toString(key);
    const stored = this.journals.get(name) ?? { pointer: undefined, events: new Map() };
    this.journals.set(name, stored);
    const perform = async (call: StoreCall, apply: () => boolean): Promise<boolean> => {
      if (this.#busyKeys.has(name)) throw new Error(`two writers of ${name} at once`);
      this.#busyKeys.add(name);
      this.maxInFlight = Math.max(this.maxInFlight, ++this.#inFlight);
      try {
        await this.#call({ ...call, key: name });
        return apply();
      } finally {
        this.#inFlight--;
        this.#busyKeys.delete(name);
      }
    };
    const saveWakeUp = async (change: WakeUpChange, nowMs: number): Promise<void> => {
      const { offset } = change.type === 'set' ? change.wakeUp : change;
      await this.#call({ name: 'saveWakeUp', key: name, offset, nowMs });
      if (change.type === 'set') this.wakeUps.set(name, change.wakeUp);
      else this.wakeUps.delete(name);
    };
    const loadWakeUp = async () => await this.before({ name: 'loadWakeUp', key: name });
    const wakeUpOffset = () => this.wakeUps.get(name)?.offset;
    return new MemoryKeyJournal(stored, { perform, loadWakeUp, saveWakeUp, wakeUpOffset });
  }

  async #call(call: StoreCall): Promise<void> {
    await this.before(call);
    this.calls.push(call);
  }

  /** Calls that change a journal or R, or store opening marks, as short texts. */
  writes(): readonly string[] {
    return this.calls
      .filter(({ name, openings }) => !reads.has(name) && openings !== 0)
      .map(({ name, key, partition, offset }) => `${name} ${key ?? partition}@${offset}`);
  }

  seqNrs(key: string): readonly number[] {
    const events = [...(this.journals.get(key)?.events.values() ?? [])];
    return events.map(({ seqNr }) => seqNr).toSorted((a, b) => a - b);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** What processes share, before anything is stored. */
function noData(): Pick<
  MemoryReplicatedJournal,
  'journals' | 'offsets' | 'tenures' | 'tenuresKnown' | 'epochs' | 'wakeUps' | 'wakeUpsKnown'
> {
  return {
    journals: new Map(),
    offsets: new Map(),
    tenures: new Map(),
    tenuresKnown: new Map(),
    epochs: new Map(),
    wakeUps: new Map(),
    wakeUpsKnown: new Map(),
  };
}

/** Calls that change nothing, or only wake-ups. */
const reads: ReadonlySet<StoreCall['name']> = new Set([
  'open',
  'claim',
  'journalPlaces',
  'expired',
  'expiredUntil',
  'tenuresUpTo',
  'lastTenure',
  'saveWakeUp',
  'saveWakeUps',
]);

type Perform = (call: StoreCall, apply: () => boolean) => Promise<boolean>;

interface KeyCalls {
  readonly perform: Perform;
  readonly loadWakeUp: () => Promise<void>;
  readonly saveWakeUp: (change: WakeUpChange, nowMs: number) => Promise<void>;
  readonly wakeUpOffset: () => Offset | undefined;
}

class MemoryKeyJournal implements ReplicatedKeyJournal {
  readonly #stored: StoredJournal;
  readonly #calls: KeyCalls;

  constructor(stored: StoredJournal, calls: KeyCalls) {
    this.#stored = stored;
    this.#calls = calls;
  }

  loadWakeUp(): Promise<void> {
    return this.#calls.loadWakeUp();
  }

  saveWakeUp(change: WakeUpChange, { nowMs }: WakeUpTime): Promise<void> {
    return this.#calls.saveWakeUp(change, nowMs);
  }

  async wakeUpOffset(): Promise<Offset | undefined> {
    return this.#calls.wakeUpOffset();
  }

  get pointer(): JournalPointer | undefined {
    return this.#stored.pointer;
  }

  append(batch: ReplicatedAppend, nowMs: number): Promise<boolean> {
    const call: StoreCall = { name: 'append', offset: batch.at.offset, nowMs };
    return this.#calls.perform(call, () => applyAppend(this.#stored, batch));
  }

  delete(batch: ReplicatedDelete, nowMs: number): Promise<boolean> {
    const call: StoreCall = { name: 'delete', offset: batch.at.offset, nowMs };
    return this.#calls.perform(call, () => applyDelete(this.#stored, batch));
  }

  purge(batch: ReplicatedPurge, nowMs: number): Promise<boolean> {
    const call: StoreCall = { name: 'purge', offset: batch.at.offset, nowMs };
    return this.#calls.perform(call, () => applyPurge(this.#stored, batch));
  }
}

const settings = { topic: Topic.of('journal'), segmentSize: 10, nowMs: Date.UTC(2023, 11, 31) };

const before = ({ pointer }: StoredJournal): BeforeChange => ({
  row: pointer,
  purgedAt: undefined,
});

export function applyAppend(stored: StoredJournal, batch: ReplicatedAppend): boolean {
  return applyChange(stored, changeByAppend(before(stored), batch, settings));
}

export function applyDelete(stored: StoredJournal, batch: ReplicatedDelete): boolean {
  return applyChange(stored, changeByDelete(before(stored), batch));
}

export function applyPurge(stored: StoredJournal, batch: ReplicatedPurge): boolean {
  return applyChange(stored, changeByPurge(before(stored), batch));
}

/** Executes a change as the stores do: each event once, those that are deleted gone. */
function applyChange(stored: StoredJournal, change: RowChange): boolean {
  if (change.type === 'none') return false;
  if (change.type === 'remove') {
    stored.pointer = undefined;
    stored.events.clear();
    return change.during !== undefined;
  }
  if (change.type !== 'shorten') {
    for (const { event, record } of change.live) {
      const { seqNr } = event;
      const { offset } = record.at;
      stored.events.set(`${seqNr}@${offset}`, { seqNr, offset });
    }
  }
  const gone =
    change.type === 'shorten' ? change.clearTo : change.type === 'extend' && change.clearTo;
  for (const [name, event] of stored.events) {
    if (event.seqNr <= (gone || 0)) stored.events.delete(name);
  }
  stored.pointer = change.pointer;
  return true;
}
