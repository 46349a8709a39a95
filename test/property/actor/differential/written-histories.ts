import type {
  ActionPlan,
  ChildPlan,
  CommandPlan,
  CommandType,
  DelayPlan,
  HistoryPlan,
  StatePlan,
  StepPlan,
} from './plan.ts';

const nothing: StatePlan = {
  type: 'atomic',
  states: [],
  initial: 0,
  initially: [],
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

const spawn = (child: Partial<ChildPlan>): ActionPlan => ({
  type: 'spawn',
  child: {
    kind: 'promise',
    id: 'own',
    systemId: undefined,
    watched: false,
    pings: 0,
    own: 'nothing',
    ...child,
  },
  how: 'assign',
  holder: 'none',
});

const on = (event: CommandType, actions: readonly ActionPlan[]) => ({
  event,
  to: { target: undefined, reenter: false, guard: undefined, actions },
});

const command = (type: CommandType): CommandPlan => ({ type, n: 1, note: 'absent' });
const asked = (type: CommandType): StepPlan => ({
  type: 'command',
  command: command(type),
  fault: 'none',
});
const ping = (delay: DelayPlan | undefined): ActionPlan => ({
  type: 'ping',
  to: 'id',
  at: 0,
  delay,
  id: undefined,
});

const crash: StepPlan = { type: 'restart', how: 'crash', downMs: 0 };
const none = { born: undefined, start: 0 } as const;
const compound = { ...nothing, type: 'compound', states: [nothing] } as const;

/**
 * Histories written by hand, for what a generated machine does not do. They run before the others.
 */
export const writtenHistories: readonly HistoryPlan[] = [
  // The name is taken, its child ends, and the next command finds the name free. A replay that had
  // not given the name back would find it taken, and the second child would be missing.
  {
    ...none,
    machine: {
      ...compound,
      on: [
        on('e0', [
          { type: 'enqueue', guard: 'radio-is-free', actions: [spawn({ systemId: 'radio' })] },
        ]),
      ],
    },
    steps: [
      asked('e0'),
      asked('e0'),
      { type: 'child', at: 0, does: 'done', value: 1 },
      asked('e0'),
      crash,
    ],
  },
  // The child ends by the first of two commands and is stopped by the second, before its end is
  // heard.
  {
    ...none,
    machine: {
      ...compound,
      entry: [spawn({ kind: 'machine', pings: 1 })],
      on: [on('e0', [ping(undefined)]), on('e1', [{ type: 'stop', at: 0 }])],
    },
    steps: [{ type: 'burst', commands: [command('e0'), command('e1')] }],
  },
  // The message to the child is on its way after the last stored event.
  {
    ...none,
    machine: {
      ...compound,
      entry: [spawn({ kind: 'callback' })],
      on: [on('e0', [ping({ type: 'ms', ms: 10 })])],
    },
    steps: [asked('e0'), { type: 'pass', ms: 5 }, crash, { type: 'pass', ms: 10 }, crash],
  },
];
