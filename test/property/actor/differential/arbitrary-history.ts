import fc from 'fast-check';
import {
  type ActionPlan,
  type ChildPlan,
  type CommandPlan,
  commandTypes,
  type DelayPlan,
  type GuardPlan,
  type HearPlan,
  type HistoryPlan,
  type Holder,
  type InvokePlan,
  innerTypes,
  type StatePlan,
  type StepPlan,
  type TransitionPlan,
  theYoungest,
} from './plan.ts';

/** Present in one of `oneIn` cases, else `undefined`. */
const maybe = <T>(value: fc.Arbitrary<T>, oneIn = 2): fc.Arbitrary<T | undefined> =>
  fc.oneof(
    { weight: oneIn - 1, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: value },
  );

const guard = fc.constantFrom<GuardPlan>(
  'even',
  'odd',
  'big',
  'has-note',
  'minus-zero',
  'status-404',
  'has-cause',
  'throws-at-13',
  'in-first',
  'big-out-of-first',
  'odd-or-in-first',
);
/** Of an action, which may ask the actor system as well. */
const actionGuard = fc.oneof(
  { arbitrary: guard, weight: 4 },
  { arbitrary: fc.constant('radio-is-free' as const), weight: 1 },
);

const delay: fc.Arbitrary<DelayPlan> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(10, 20, 50, 1000).map((ms) => ({ type: 'ms', ms })) },
  { weight: 1, arbitrary: fc.constant({ type: 'context' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'event' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'clock' }) },
) as fc.Arbitrary<DelayPlan>;

/**
 * Only a child with an id of its own has a name in the system. One whose place in `children`
 * another child has taken is gone after a restart; its name is free then, but not in a replay,
 * which knows of no restarts (`unnamed-child-is-gone`), and a guard may ask for the name.
 */
const child: fc.Arbitrary<ChildPlan> = fc
  .record({
    kind: fc.constantFrom('promise', 'callback', 'observable', 'events', 'transition', 'machine'),
    id: fc.constantFrom('own', 'own', 'own', 'same', 'none', 'none'),
    systemId: maybe(fc.constantFrom('radio', 'tv'), 3),
    watched: fc.boolean(),
    pings: fc.nat(2),
    own: fc.constantFrom(
      'nothing',
      'entry-tells-parent',
      'timer-tells-parent',
      'timer-ends',
      'has-child',
    ),
  })
  .map((plan) => (plan.id === 'own' ? plan : { ...plan, systemId: undefined }));

const inner = fc.constantFrom(...innerTypes);
const timerId = fc.constantFrom('t0', 't1');
const messageId = fc.constantFrom('p0', 'p1');
const holder = fc.constantFrom<Holder>('none', 'one', 'deep', 'list', 'map', 'set');
const at = fc.nat(theYoungest);

const simple: fc.Arbitrary<ActionPlan> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('add'), n: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.constant({ type: 'record' }) },
  { weight: 3, arbitrary: fc.constant({ type: 'note' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'crash' }) },
  { weight: 1, arbitrary: fc.constant({ type: 'emit' }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('raise'), event: inner }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('later'),
      event: inner,
      delay,
      id: maybe(timerId),
      how: fc.constantFrom('raise', 'sendTo'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('cancel'), id: fc.oneof(timerId, messageId) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('spawn'),
      child,
      how: fc.constantFrom('assign', 'spawnChild'),
      holder,
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('stop'), at }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('ping'),
      to: fc.constantFrom('id', 'id', 'id', 'id', 'system', 'one', 'deep', 'list', 'map', 'set'),
      at,
      delay: maybe(delay),
      id: maybe(messageId),
    }),
  },
) as fc.Arbitrary<ActionPlan>;

const action: fc.Arbitrary<ActionPlan> = fc.oneof(
  { weight: 12, arbitrary: simple },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('enqueue' as const),
      guard: actionGuard,
      actions: fc.array(simple, { maxLength: 3 }),
    }),
  },
);

/** A child that is told something later, and perhaps stopped before. */
const laterTold = fc
  .record({ child, holder, delay, id: maybe(messageId), isStopped: fc.boolean() })
  .map(({ child: one, holder: where, delay: when, id, isStopped }): readonly ActionPlan[] => [
    { type: 'spawn', child: { ...one, id: 'own' }, how: 'assign', holder: where },
    { type: 'ping', to: 'id', at: theYoungest, delay: when, id },
    ...(isStopped ? [{ type: 'stop', at: theYoungest } as const] : []),
  ]);

const actions = (maxLength: number): fc.Arbitrary<readonly ActionPlan[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 12, arbitrary: action.map((one) => [one]) },
        { weight: 1, arbitrary: laterTold },
      ),
      { maxLength },
    )
    .map((lists) => lists.flat());

const transition: fc.Arbitrary<TransitionPlan> = fc.record({
  target: maybe(fc.nat(11)),
  reenter: fc.boolean(),
  guard: maybe(guard, 4),
  actions: actions(3),
});

const invoke: fc.Arbitrary<InvokePlan> = fc.record({
  child,
  onDone: maybe(transition),
  onError: maybe(transition),
  onSnapshot: maybe(transition, 3),
});

const hear: fc.Arbitrary<HearPlan> = fc.record({
  what: fc.constantFrom('done', 'done', 'error', 'error', 'snapshot', 'any'),
  transition,
});

const event = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...commandTypes) },
  { weight: 1, arbitrary: inner },
);

function state(types: fc.Arbitrary<StatePlan['type']>, depth: number): fc.Arbitrary<StatePlan> {
  const inside = fc.constantFrom<StatePlan['type']>(
    ...(['atomic', 'atomic', 'atomic', 'atomic', 'final', 'shallow', 'deep'] as const),
    ...(depth > 1 ? (['compound', 'compound', 'parallel'] as const) : []),
  );
  const states =
    depth === 0 ? fc.constant([]) : fc.array(state(inside, depth - 1), { maxLength: 3 });
  return fc.record({
    type: types,
    states,
    initial: fc.nat(3),
    initially: actions(1),
    tag: fc.boolean(),
    entry: actions(depth === 3 ? 3 : 1),
    exit: actions(1),
    on: fc.array(fc.record({ event, to: transition }), { maxLength: depth === 3 ? 5 : 3 }),
    always: maybe(transition, 6),
    after: fc.array(fc.record({ delay, to: transition }), { maxLength: 1 }),
    invoke: fc.array(invoke, { maxLength: depth === 3 ? 2 : 1 }),
    hear: fc.array(hear, { maxLength: depth === 0 ? 0 : 2 }),
    onDone: maybe(transition, 3),
  });
}

const machine = state(fc.constantFrom('compound', 'compound', 'compound', 'parallel'), 3);

const command: fc.Arbitrary<CommandPlan> = fc.record({
  type: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...commandTypes) },
    { weight: 1, arbitrary: fc.constant('unknown' as const) },
  ),
  n: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) },
    { weight: 1, arbitrary: fc.constantFrom(-0, 12, 13) },
  ),
  note: fc.oneof(
    { weight: 6, arbitrary: fc.constant('absent' as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...(['undefined', 'text', 'nested', 'date', 'map', 'nan'] as const),
      ),
    },
  ),
});

const step: fc.Arbitrary<StepPlan> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('command'),
      command,
      fault: fc.oneof(
        { weight: 10, arbitrary: fc.constant('none') },
        { weight: 1, arbitrary: fc.constantFrom('rejected', 'lost', 'stored-but-failed') },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('burst'),
      commands: fc.array(command, { minLength: 2, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('pass'), ms: fc.constantFrom(3, 10, 25, 60, 1000) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('child'),
      at,
      does: fc.constantFrom('done', 'done', 'fail', 'next', 'next', 'tell'),
      value: fc.nat(7),
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .record({
        type: fc.constant('restart'),
        how: fc.constantFrom('crash', 'crash', 'stop'),
        downMs: fc.constantFrom(0, 0, 0, 5, 40),
      })
      .map((restart) => (restart.downMs === 5 ? { ...restart, how: 'loss', downMs: 0 } : restart)),
  },
) as fc.Arbitrary<StepPlan>;

export const history: fc.Arbitrary<HistoryPlan> = fc.record({
  machine,
  born: maybe(fc.record({ child, holder }), 6),
  start: fc.nat(3),
  steps: fc.array(step, { minLength: 1, maxLength: 14 }),
});
