import { parsePlainJson } from '../../codec/json/plain-json.ts';
import { CodecError } from '../../model/errors.ts';
import { readArray, readCount, readObject, readText } from '../../model/plain-members.ts';
import type { Entity } from '../entity/entity.ts';
import type { HostedState } from '../entity/entity-logic.ts';
import { fromLossless, toLossless } from '../entity/lossless-form.ts';
import { type StoredTimer, timerOfJson, timerToJson } from './stored-timers.ts';

/** What a snapshot holds (docs/snapshots.md#what-a-snapshot-holds). */
export interface SnapshotContent {
  /** Of what it is: the id of the machine, or `behavior`. */
  readonly kind: string;
  /** Of that machine: an entity may keep to an earlier one than that of the program. */
  readonly machineVersion: string | undefined;
  /**
   * Number and writer of the last event whose effect it holds. Together they name the life of the
   * journal: after a purge, the event with this number has another writer.
   */
  readonly witness: { readonly seqNr: number; readonly writerUuid: string };
  /** What the actor was started with; `undefined` when the journal does not keep it either. */
  readonly input: { readonly value: unknown } | undefined;
  /** As the logic persists it, or as a `SnapshotAdapter` wants it. */
  readonly state: unknown;
  readonly timers: readonly StoredTimer[];
  /** When the last event was stored, ms since the epoch. */
  readonly lastEventMs: number;
  /** The commands whose askers may ask again, as `RecentCommands.toPlain` has them. */
  readonly commands: unknown;
  /** What is to be delivered, as `Outbox.toPlain` has it. */
  readonly deliveries: unknown;
  /** Version of the machine that began the journal; `undefined` = its events name none. */
  readonly bornWith: string | undefined;
}

/** What makes the states of an entity with a journal that was begun by this version of it. */
export function programOf<S extends HostedState>(
  { logic, settings }: Pick<Entity<S>, 'logic' | 'settings'>,
  bornWith: string | undefined,
): Pick<SnapshotContent, 'kind' | 'machineVersion'> {
  const { kind, isEarlier } = logic.machineOf(bornWith);
  return { kind, machineVersion: isEarlier ? bornWith : settings.machineVersion };
}

/** What an encrypted snapshot is bound to. */
export function snapshotPlace(seqNr: number): string {
  return `snapshot ${seqNr}`;
}

/**
 * What readers of this version understand. A snapshot with deliveries has the second version: a
 * program that knows only the first one would lose them, so it must not use the snapshot.
 */
const formatVersions = { plain: 1, withDeliveries: 2 } as const;

const utf8 = new TextEncoder();

/**
 * The snapshot as bytes: nothing that happens later changes them.
 *
 * @throws {WriteRejectedError} JSON cannot hold something in it; names the place
 */
export function encodeSnapshot({
  timers,
  input,
  commands,
  deliveries,
  ...content
}: SnapshotContent): Uint8Array {
  const text = JSON.stringify({
    formatVersion: formatVersions[deliveries === undefined ? 'plain' : 'withDeliveries'],
    ...content,
    ...(input !== undefined && { input: toLossless(input.value, 'input') }),
    timers: timers.map(timerToJson),
    ...(commands !== undefined && { commands: toLossless(commands, 'commands') }),
    ...(deliveries !== undefined && { deliveries: toLossless(deliveries, 'deliveries') }),
  });
  return utf8.encode(text);
}

/** How each snapshot begins. One that is encrypted begins with bytes that are random. */
const beginning = Buffer.from('{"formatVersion":');

/** The snapshot is not encrypted: it may be from before its actor had `encryption`. */
export function isPlainSnapshot(bytes: Uint8Array): boolean {
  return beginning.equals(bytes.subarray(0, beginning.length));
}

/** @throws {CodecError} it is no snapshot of a version that this one can read */
export function decodeSnapshot(bytes: Uint8Array): SnapshotContent {
  let plain: unknown;
  try {
    plain = parsePlainJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const text =
      'a snapshot is no JSON: it was changed, or is encrypted, and the actor has no "encryption"';
    throw new CodecError(text, { cause });
  }
  const members = readObject(plain, 'snapshot');
  const version = readCount(members.formatVersion, 'snapshot.formatVersion');
  const known: readonly number[] = Object.values(formatVersions);
  if (!known.includes(version)) {
    const text = `a snapshot has the format ${version}; this program reads ${known.join(' and ')}`;
    throw new CodecError(text);
  }
  const { machineVersion, bornWith, input, commands, deliveries } = members;
  const witness = readObject(members.witness, 'snapshot.witness');
  const timers = readArray(members.timers, 'snapshot.timers').map((timer, index) =>
    timerOfJson(timer, `snapshot.timers[${index}]`),
  );
  return {
    kind: readText(members.kind, 'snapshot.kind'),
    machineVersion: optionalText(machineVersion, 'snapshot.machineVersion'),
    bornWith: optionalText(bornWith, 'snapshot.bornWith'),
    commands: commands === undefined ? undefined : fromLossless(commands),
    deliveries: deliveries === undefined ? undefined : fromLossless(deliveries),
    witness: {
      seqNr: readCount(witness.seqNr, 'snapshot.witness.seqNr'),
      writerUuid: readText(witness.writerUuid, 'snapshot.witness.writerUuid'),
    },
    input: input === undefined ? undefined : { value: fromLossless(input) },
    state: members.state,
    timers,
    lastEventMs: readCount(members.lastEventMs, 'snapshot.lastEventMs'),
  };
}

function optionalText(value: unknown, at: string): string | undefined {
  return value === undefined ? undefined : readText(value, at);
}
