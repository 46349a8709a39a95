import { createActor } from 'xstate';
import type { CounterCommand } from './counter.ts';
import { counterMachine, decideCounter } from './counter.ts';
import type { TestHostOptions } from './support.ts';
import { testHost } from './support.ts';

/** A host with counters whose commands are their events. */
export function openCounter(options: TestHostOptions = {}, ran: string[] = []) {
  const test = testHost(options);
  const machine = counterMachine(ran);
  const logic = test.host.persistent(machine, { persistenceId: ({ input }) => `c|${input.id}` });
  const start = (id = '1') => {
    const actor = createActor(logic, { input: { id } });
    actor.subscribe({ error: () => {} });
    return actor.start();
  };
  return { ...test, machine, logic, start };
}

/** A host with one counter that decides. */
export function openDecidingCounter(options: TestHostOptions = {}, ran: string[] = []) {
  const test = testHost(options);
  const logic = test.host.persistent(counterMachine(ran), {
    types: { commands: {} as CounterCommand },
    persistenceId: 'c|1',
    decide: decideCounter,
  });
  const actor = createActor(logic, { input: { id: '1' } });
  actor.subscribe({ error: () => {} });
  return { ...test, actor: actor.start() };
}
