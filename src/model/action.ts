import type { Headers } from './event.ts';
import type { Key } from './key.ts';
import type { Offset, PartitionOffset } from './position.ts';
import type { HeaderMetadata } from './record-metadata.ts';
import type { SeqNr, SeqRange } from './seq-nr.ts';
import type { Tenure, TenureOpening } from './tenure.ts';
import type { Wake } from './wake-up.ts';

/** How the value of an append record is encoded (docs/format.md#value). */
export type PayloadType = 'json' | 'binary';

/** Content of the `journal.action` record header. */
export type ActionHeader =
  | {
      readonly type: 'append';
      readonly range: SeqRange;
      readonly origin: string | undefined;
      readonly version: string | undefined;
      /** Under which tenure it was written; absent = under none. */
      readonly tenure?: Tenure | undefined;
      /** What the entity waits for from then on; absent = not said. */
      readonly wake?: Wake | undefined;
      readonly payloadType: PayloadType;
      readonly metadata: HeaderMetadata;
    }
  | {
      readonly type: 'delete';
      /** Everything up to and including this number is deleted. */
      readonly to: SeqNr;
      readonly origin: string | undefined;
      readonly version: string | undefined;
      /** As in an append. */
      readonly tenure?: Tenure | undefined;
    }
  | {
      readonly type: 'purge';
      /**
       * The purge counts only if the journal's last append, delete or purge before it is at this
       * offset; absent = always. It travels in a record header of its own, which JVM readers
       * ignore.
       */
      readonly onlyAt?: Offset | undefined;
      readonly origin: string | undefined;
      readonly version: string | undefined;
      /** As in an append. */
      readonly tenure?: Tenure | undefined;
    }
  | {
      readonly type: 'mark';
      readonly id: string;
      readonly origin: string | undefined;
      readonly version: string | undefined;
      /** Set when the mark opens a tenure. */
      readonly opens?: TenureOpening | undefined;
    };

/** The header of an append. */
export type AppendHeader = Extract<ActionHeader, { type: 'append' }>;

/**
 * What one log record means. An append carries its events still encoded: folds need only the
 * header, so the value is decoded where events are delivered or replicated, and nowhere else.
 */
export type Action =
  | {
      readonly key: Key;
      readonly timestampMs: number;
      readonly header: AppendHeader;
      readonly value: Uint8Array;
      readonly headers: Headers;
    }
  | {
      readonly key: Key;
      readonly timestampMs: number;
      readonly header: Exclude<ActionHeader, AppendHeader>;
    };

/** An append, its events still encoded. */
export type AppendAction = Extract<Action, { value: Uint8Array }>;

/** An action and the place of its record. */
export interface ActionRecord {
  readonly action: Action;
  readonly at: PartitionOffset;
}

/** An append and where its record is. */
export interface AppendRecord extends ActionRecord {
  readonly action: AppendAction;
}

/** Questions about an action. */
export const Action = {
  isAppend(action: Action): action is AppendAction {
    return action.header.type === 'append';
  },

  isAppendRecord(record: ActionRecord): record is AppendRecord {
    return Action.isAppend(record.action);
  },
};
