import type { ActionHeader, ActionRecord } from '../../../src/model/action.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Wake } from '../../../src/model/wake-up.ts';

/** Records of one partition as a reader gets them, of one key unless another is named. */
export const recordKey = Key.of('journal', 'id');

const partition = Partition.of(0);

function record(
  { id, offset, bytes = 0 }: { id: string; offset: number; bytes?: number | undefined },
  header: ActionHeader,
): ActionRecord {
  const at = { partition, offset: Offset.of(offset) };
  const common = { key: Key.of(recordKey.topic, id), timestampMs: 0 };
  if (header.type !== 'append') return { at, action: { ...common, header } };
  return { at, action: { ...common, header, value: new Uint8Array(bytes), headers: {} } };
}

export interface RecordOf {
  readonly id?: string;
  readonly origin?: string;
  /** Scope and number of the tenure it is written under. */
  readonly under?: readonly [scope: string, of: number];
  /** Size of an append's value. */
  readonly bytes?: number;
  readonly wake?: Wake;
}

/** An append of `from`, or of the two numbers of a range. */
export function append(
  offset: number,
  numbers: number | readonly [number, number],
  of: RecordOf = {},
): ActionRecord {
  const [from, to] = typeof numbers === 'number' ? [numbers, numbers] : numbers;
  const { id = recordKey.id, origin, bytes, under, wake } = of;
  const tenure = under && { scope: under[0], of: Offset.of(under[1]) };
  const range = { from: SeqNr.of(from), to: SeqNr.of(to) };
  const stamp = { origin, version: undefined, payloadType: 'json', metadata: {} } as const;
  return record({ id, offset, bytes }, { type: 'append', range, ...stamp, tenure, wake });
}

export function deletion(offset: number, to: number, id = recordKey.id): ActionRecord {
  return record({ id, offset }, { type: 'delete', to: SeqNr.of(to), ...nobody });
}

export function purge(offset: number, onlyAt?: number, id = recordKey.id): ActionRecord {
  const condition = onlyAt === undefined ? {} : { onlyAt: Offset.of(onlyAt) };
  return record({ id, offset }, { type: 'purge', ...condition, ...nobody });
}

export function mark(offset: number, id = recordKey.id): ActionRecord {
  return record({ id, offset }, { type: 'mark', id: `m${offset}`, ...nobody });
}

export function opening(offset: number, scope: string, id = 'host'): ActionRecord {
  const opens = { scope, holder: 'holder', address: undefined };
  return record({ id, offset }, { type: 'mark', id: `m${offset}`, ...nobody, opens });
}

const nobody = { origin: undefined, version: undefined };
