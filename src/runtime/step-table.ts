import { type AnyStateMachine, transition } from 'xstate';

/** What a fact leads to: the state that follows, and what has to be done, in order. */
export interface Step<State extends string, Effect extends string> {
  readonly state: State;
  readonly effects: readonly Effect[];
}

/** The steps of each state, by fact. No entry, no step: the fact means nothing there. */
export type StepTable<State extends string, Fact extends string, Effect extends string> = Readonly<
  Record<State, Readonly<Partial<Record<Fact, Step<State, Effect>>>>>
>;

/**
 * A flat machine as a table: a look-up costs a small part of a transition. Only for machines whose
 * steps depend on nothing but the state, the fact and `context`, which no step changes.
 *
 * @param facts all types of events that the machine knows
 */
export function stepTable<State extends string, Fact extends string, Effect extends string>(
  machine: AnyStateMachine,
  facts: readonly Fact[],
  context: object = {},
): StepTable<State, Fact, Effect> {
  const rows = Object.keys(machine.states).map((value) => {
    const steps: Partial<Record<Fact, Step<State, Effect>>> = {};
    const from = machine.resolveState({ value, context });
    // Nothing follows an end.
    for (const type of from.status === 'active' ? facts : []) {
      const [to, actions] = transition(machine, from, { type });
      if (to.value === value) continue;
      const effects = actions.map((action) => action.type as Effect);
      steps[type] = { state: to.value as State, effects };
    }
    return [value, steps] as const;
  });
  return Object.fromEntries(rows) as StepTable<State, Fact, Effect>;
}
