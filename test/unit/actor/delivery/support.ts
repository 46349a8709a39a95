import type { AnyActorLogic, AnyStateMachine } from 'xstate';
import { createActor } from 'xstate';
import type { DeliveryAttempt } from '../../../../src/actor/entity/delivery-options.ts';
import type {
  DeliveryOptions,
  PersistenceSignal,
} from '../../../../src/actor/entity/entity-options.ts';
import type { MemoryJournalPlugin } from '../../../support/memory-journal-plugin.ts';
import { RecordingLogger } from '../../../support/recording-logger.ts';
import { ManualClock, settle, type TestHostOptions, testHost } from '../support.ts';

/** An attempt that a destination was asked for; it has its outcome when a test gives it one. */
export interface Attempt extends Omit<DeliveryAttempt, 'persistenceId' | 'correlationId'> {
  readonly to: string;
  readonly message: unknown;
  succeed(output?: unknown): Promise<void>;
  fail(error?: unknown): Promise<void>;
}

export interface Post {
  readonly type: 'post';
  readonly to?: string;
  readonly messages?: readonly unknown[];
  readonly ids?: readonly (string | undefined)[];
  readonly confirm?: readonly string[];
  /** Events, of which the last one delivers. */
  readonly times?: number;
}

/** An attempt's place in a list: `mail#1 hello`. */
export const shown = ({ to, attempt, message }: Attempt): string =>
  `${to}#${attempt} ${String(message)}`;

export interface OutboxWorldOptions extends TestHostOptions {
  readonly time?: ManualClock;
  readonly deliveries?: DeliveryOptions;
  readonly entity?: object;
  readonly machine?: AnyStateMachine;
}

/** One process; another call with the same journal and time is the next one, after a crash. */
export function openOutbox(options: OutboxWorldOptions = {}) {
  const { time = new ManualClock(), deliveries, entity, machine, ...rest } = options;
  const attempts: Attempt[] = [];
  const destination =
    (to: string) =>
    (message: unknown, { id, attempt, signal }: DeliveryAttempt): Promise<unknown> => {
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const ended = async (end: () => void): Promise<void> => {
        end();
        await settle();
      };
      const succeed = (output?: unknown) => ended(() => resolve(output));
      const fail = (error: unknown = new Error('no')) => ended(() => reject(error));
      attempts.push({ to, message, id, attempt, signal, succeed, fail });
      return promise;
    };
  const signals: PersistenceSignal[] = [];
  const log = new RecordingLogger();
  const test = testHost({ clock: time, log, ...rest });
  const common = {
    persistenceId: 'e',
    deliveries: {
      to: {
        mail: destination('mail'),
        queue: { send: destination('queue'), confirmed: 'by-event' as const },
      },
      ...deliveries,
    },
    onSignal: (signal: PersistenceSignal) => signals.push(signal),
    ...entity,
  };
  const logic =
    machine === undefined
      ? test.host.behavior({
          types: { commands: {} as Post, events: {} as { type: 'posted' } },
          initialState: [] as readonly string[],
          decide: ({ command: { to = 'mail', messages = [], ids = [], confirm, times = 1 } }) => ({
            type: 'persist',
            events: Array.from({ length: times }, () => ({ type: 'posted' }) as const),
            deliver: messages.map((message, i) => {
              const id = ids[i];
              return id === undefined ? { to, message } : { to, message, id };
            }),
            ...(confirm !== undefined && { confirm }),
          }),
          evolve: (state) => [...state, 'posted'],
          delivered: (state, { id, output }) => [...state, `${id}: ${String(output)}`],
          ...common,
        })
      : test.host.persistent(machine, common as never);
  const actor = createActor(logic as unknown as AnyActorLogic, {} as never);
  const errors: unknown[] = [];
  actor.subscribe({ error: (error) => errors.push(error) });
  actor.start();
  return {
    ...test,
    time,
    actor,
    attempts,
    signals,
    errors,
    log,
    ask: (command: object) => test.host.ask(actor as never, command as never),
    post: (...messages: readonly unknown[]) =>
      test.host.ask(actor as never, { type: 'post', messages } as never),
    context: () => (actor.getSnapshot() as unknown as { context: unknown }).context,
    recovered: async () => {
      await test.host.whenRecovered(actor);
      await settle();
    },
    shown: () => attempts.map(shown),
  };
}

/** What a journal holds of deliveries, event by event. */
export function factsIn(journal: MemoryJournalPlugin, id = 'e') {
  return journal.stored(id).map(({ facts: { deliveries, confirmed, unhandled } }) => ({
    ...(deliveries && { deliveries }),
    ...(confirmed && { confirmed }),
    ...(unhandled && { unhandled }),
  }));
}
