import { setup } from 'xstate';
import { type StepTable, stepTable } from '../runtime/step-table.ts';

/** Where a partition is in its life, as this process sees it. */
export type PartitionState = 'elsewhere' | 'taking' | 'serving' | 'handingOver';

/** What moves it on. */
export type PartitionFact =
  /** The view gives the partition to this process. */
  | 'partition.given'
  /** The view, or another process with a later one, gives it to another process, or to none. */
  | 'partition.moved'
  /** This process may no longer be a member: others may have the partition already. */
  | 'partition.lost'
  /** The former owner has let the partition go, or cannot use it any more. */
  | 'former.gone'
  /** No entity of the partition is live here. */
  | 'entities.ended';

/** What has to be done when a state is entered. */
export type PartitionEffect =
  | 'askFormerOwner'
  | 'startServing'
  | 'endEntities'
  | 'dropEntities'
  | 'noteElsewhere';

/**
 * The life of one partition in this process, without its data.
 *
 * ```
 * elsewhere ── given ──→ taking ── the former owner is gone ──→ serving
 *     ↑                    │ moved                                │ moved
 *     └── entities ended ──┴──────────── handingOver ←────────────┘
 *
 * any ── lost ──→ elsewhere   its entities end at once
 * ```
 *
 * Entities start in `serving` only. `handingOver` that follows on `taking` has no entities; it
 * waits for the former owner. Otherwise the next owner could begin while the one before this
 * process still answers.
 */
export const partitionMachine = setup({
  types: { events: {} as { type: PartitionFact } },
  actions: {
    askFormerOwner: () => {},
    startServing: () => {},
    endEntities: () => {},
    dropEntities: () => {},
    noteElsewhere: () => {},
  },
}).createMachine({
  id: 'partition',
  initial: 'elsewhere',
  states: {
    elsewhere: { entry: 'noteElsewhere', on: { 'partition.given': 'taking' } },
    taking: {
      entry: 'askFormerOwner',
      on: {
        'former.gone': 'serving',
        'partition.moved': 'handingOver',
        'partition.lost': { target: 'elsewhere', actions: 'dropEntities' },
      },
    },
    serving: {
      entry: 'startServing',
      on: {
        'partition.moved': 'handingOver',
        'partition.lost': { target: 'elsewhere', actions: 'dropEntities' },
      },
    },
    handingOver: {
      entry: 'endEntities',
      on: {
        'entities.ended': 'elsewhere',
        'partition.lost': { target: 'elsewhere', actions: 'dropEntities' },
      },
    },
  },
});

const facts: readonly PartitionFact[] = [
  'partition.given',
  'partition.moved',
  'partition.lost',
  'former.gone',
  'entities.ended',
];

/** The machine as a table: it has no data that a step could depend on. */
export const partitionSteps: StepTable<PartitionState, PartitionFact, PartitionEffect> = stepTable(
  partitionMachine,
  facts,
);
