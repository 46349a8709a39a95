import { encodeEvents } from '../../../src/codec/record/events-codec.ts';
import type { Action } from '../../../src/model/action.ts';
import { Events } from '../../../src/model/event.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, type Topic } from '../../../src/model/position.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import type { Tenure } from '../../../src/model/tenure.ts';

/** One record of a partition as a test writes it. */
export interface Line {
  readonly id: string;
  readonly type: 'open' | 'append' | 'delete' | 'purge' | 'mark';
  /**
   * First number of an append, highest one of a delete; the offset that a conditional purge asks
   * for, 0 = it has no condition.
   */
  readonly n: number;
  /** Of an opening mark only the scope counts. */
  readonly tenure: Tenure | undefined;
}

const tenureOf = (scope: string, of: number): Tenure => ({ scope, of: Offset.of(of) });

/** Opens a tenure; the mark is another key's than most records of a test. */
export const open = (scope: string, id = 'host'): Line => ({
  id,
  type: 'open',
  n: 0,
  tenure: tenureOf(scope, 0),
});

/** An action of the key `id`, `under` a scope and the offset of an opening mark. */
export function line(
  type: Exclude<Line['type'], 'open'>,
  n: number,
  under?: readonly [scope: string, of: number],
  id = 'id',
): Line {
  return { id, type, n, tenure: under && tenureOf(...under) };
}

/** The action that the line says; an append has one event. */
export function actionOf(topic: Topic, { id, type, n, tenure }: Line): Action {
  const common = { key: Key.of(topic, id), timestampMs: 0 };
  const stamp = { origin: 'test', version: undefined };
  const mark = { type: 'mark', id: 'm', ...stamp } as const;
  switch (type) {
    case 'open': {
      const opens = { scope: tenure?.scope ?? '', holder: 'holder', address: undefined };
      return { ...common, header: { ...mark, opens } };
    }
    case 'mark':
      return { ...common, header: mark };
    case 'delete':
      return { ...common, header: { type, to: SeqNr.of(n), ...stamp, tenure } };
    case 'purge': {
      const onlyAt = n === 0 ? undefined : Offset.of(n);
      return { ...common, header: { type, onlyAt, ...stamp, tenure } };
    }
    case 'append': {
      const seqNr = SeqNr.of(n);
      const events = Events.of([{ seqNr, tags: [], payload: undefined }]);
      const { payloadType, value } = encodeEvents(events, {});
      const header = { type, range: { from: seqNr, to: seqNr }, payloadType, metadata: {} };
      return { ...common, header: { ...header, ...stamp, tenure }, value, headers: {} };
    }
  }
}
