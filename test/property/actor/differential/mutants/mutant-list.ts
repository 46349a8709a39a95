import type { Edit } from '../../../../support/mutants/edit.ts';

/** A break of the actors that a history has to show. */
export interface Mutant {
  readonly name: string;
  readonly edits: readonly Edit[];
}

function mutant(name: string, file: string, find: string, replace: string): Mutant {
  return { name, edits: [{ file: `src/actor/${file}`, find, replace }] };
}

export const mutants: readonly Mutant[] = [
  mutant(
    'a child without id is named after its session',
    'machine/child-names.ts',
    'if (actor.id === actor.sessionId) {',
    'if (actor.id === undefined) {',
  ),
  mutant(
    'the end of a child that nothing handles is not stored',
    'command/evaluate-command.ts',
    'if (timer === undefined && child === undefined) return undefined;',
    'if (timer === undefined) return undefined;',
  ),
  mutant(
    'a delay is evaluated again in replay',
    'entity/timers.ts',
    'const delayMs = delaysMs[armed++] ?? change.delayMs;',
    'const delayMs = change.delayMs;',
  ),
  mutant(
    'a delayed message goes to whoever has the id',
    'machine/snapshot-parts.ts',
    'return workOf(child)?.madeBy === target.madeBy ? child : undefined;',
    'return child;',
  ),
  mutant(
    'references in a Map stay those of the replay',
    'machine/snapshot-parts.ts',
    'return new Map([...value].map(([key, item]) => [next(key), next(item)]));',
    'return value;',
  ),
  mutant(
    'references in a Set stay those of the replay',
    'machine/snapshot-parts.ts',
    'if (value instanceof Set) return new Set([...value].map(next));',
    'if (value instanceof Set) return value;',
  ),
  mutant(
    'the own fields of an error are not stored',
    'entity/stored-event.ts',
    'const fields = Object.entries(error).filter(([field]) => !notFields.has(field));',
    'const fields: [string, unknown][] = [];',
  ),
  mutant(
    'an ended child starts again',
    'machine/machine-logic.ts',
    'const ended = replay.endedChildren.get(child);',
    'const ended = replay.endedChildren.get(replay.self);',
  ),
  mutant(
    'an ended child shows its first state',
    'machine/machine-logic.ts',
    '...shown, ...outcome };',
    '...outcome };',
  ),
  mutant(
    'live applies the object of the caller',
    'command/dry-runs.ts',
    'const { value } = form;',
    'const value = event;',
  ),
  mutant(
    'a dry run does not see the names of the system',
    'machine/machine-logic.ts',
    'return new ShadowScope(this.#versions, this.#scope, true, this.#hooks.addressOf);',
    'return new ShadowScope(this.#versions, this.#scope, false, this.#hooks.addressOf);',
  ),
  mutant(
    'a replay does not give back the name of an ended child',
    'machine/shadow-scope.ts',
    'this.#system.release(child);',
    '',
  ),
  mutant(
    'a fired timer is armed again',
    'recovery/replay-fold.ts',
    'if (timer !== undefined) this.#timers.removeFired(timer, payload);',
    '',
  ),
  mutant(
    'a timer starts over after a restart',
    'entity/entity.ts',
    "if (settings.actor.timers === 'restart') timer.fromMs = nowMs;",
    'timer.fromMs = nowMs;',
  ),
  mutant(
    'actions run in a replay',
    'machine/shadow-scope.ts',
    "if (action.type === 'xstate.stopChild') {",
    "if (!action.type.startsWith('xstate.')) action.exec?.(action.info, action.params);\n" +
      "    if (action.type === 'xstate.stopChild') {",
  ),
  mutant(
    'commands of one write are evaluated against the same state',
    'command/batch-evaluator.ts',
    '      state = last.next;\n',
    '',
  ),
  mutant(
    'a dry run of a step that makes a child is committed as it is',
    'machine/shadow-scope.ts',
    'if (next.children === state.children) this.trace = plan.transitions;',
    'this.trace = plan.transitions;',
  ),
  mutant(
    'children are not started after a recovery',
    'machine/machine-logic.ts',
    'this.#scope.defer(() => this.#machine.start(live));',
    '',
  ),
  mutant(
    'children run on when an entity starts over',
    'machine/machine-logic.ts',
    'for (const child of this.#names.takeLive()) this.#scope.stopChild(child);',
    '',
  ),
  mutant(
    'timers run on when an entity starts over',
    'machine/machine-logic.ts',
    'this.#scope.system.scheduler.cancelAll(this.#scope.self);',
    '',
  ),
  mutant(
    'a delayed event to a child is not armed again',
    'entity/timers.ts',
    "timer.target.type !== 'self' && dueMs(timer) <= lastEventMs",
    "timer.target.type !== 'self'",
  ),
  mutant(
    'an unhandled command counts as handled',
    'command/dry-runs.ts',
    'if (!run.handled) return undefined;',
    '',
  ),
];
