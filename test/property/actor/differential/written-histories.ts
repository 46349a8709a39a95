import type { ActionPlan, HistoryPlan, StatePlan, StepPlan } from './plan.ts';

const nothing: StatePlan = {
  type: 'atomic',
  states: [],
  initial: 0,
  tag: false,
  entry: [],
  exit: [],
  on: [],
  always: undefined,
  after: [],
  invoke: [],
  hear: [],
  onDone: undefined,
};

const spawnRadio: ActionPlan = {
  type: 'spawn',
  child: {
    kind: 'promise',
    id: true,
    systemId: 'radio',
    watched: false,
    pings: 0,
    own: 'nothing',
  },
  how: 'assign',
  holder: 'none',
};

const spawnRadioIfFree: StepPlan = {
  type: 'command',
  command: { type: 'e0', n: 1, note: 'absent' },
  fault: 'none',
};

/**
 * Histories written by hand, for what a generated machine does not do. They run before the others.
 */
export const writtenHistories: readonly HistoryPlan[] = [
  // The name is taken, its child ends, and the next command finds the name free. A replay that had
  // not given the name back would find it taken, and the second child would be missing.
  {
    machine: {
      ...nothing,
      type: 'compound',
      states: [nothing],
      on: [
        {
          event: 'e0',
          to: {
            target: undefined,
            reenter: false,
            guard: undefined,
            actions: [{ type: 'enqueue', guard: 'radio-is-free', actions: [spawnRadio] }],
          },
        },
      ],
    },
    start: 0,
    steps: [
      spawnRadioIfFree,
      spawnRadioIfFree,
      { type: 'child', at: 0, does: 'done', value: 1 },
      spawnRadioIfFree,
      { type: 'restart', how: 'crash', downMs: 0 },
    ],
  },
];
