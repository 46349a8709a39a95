import type { AnyActorLogic } from 'xstate';
import {
  assign,
  createMachine,
  fromCallback,
  fromEventObservable,
  fromObservable,
  fromPromise,
  fromTransition,
  sendParent,
} from 'xstate';
import type { Lab, Work } from './lab.ts';
import type { ChildPlan } from './plan.ts';

/** The logic of one child; `site` names the place in the machine that makes it. */
export function childLogic(plan: ChildPlan, site: string, lab: Lab): AnyActorLogic {
  switch (plan.kind) {
    case 'promise':
      return promiseLogic(site, lab);
    case 'callback':
      return callbackLogic(site, lab);
    case 'observable':
      return fromObservable(({ input }) =>
        streamOf<number>({ site, input, lab }, (value) => value),
      );
    case 'events':
      return fromEventObservable(({ input }) =>
        streamOf({ site, input, lab }, (n) => ({ type: 'r0', n })),
      );
    case 'transition':
      return fromTransition(
        (heard: number, event: { readonly type: string }) => {
          if (event.type !== 'xstate.stop') lab.see(`${site} hears ${event.type}`);
          return heard + 1;
        },
        () => 0,
      );
    case 'machine':
      return machineLogic(plan, site, lab);
  }
}

function promiseLogic(site: string, lab: Lab): AnyActorLogic {
  return fromPromise<number>(
    ({ input, signal }) =>
      new Promise((resolve, reject) => {
        const work: Work = {
          site,
          input,
          done: (value) => {
            lab.end(work);
            resolve(value);
          },
          fail: (error) => {
            lab.end(work);
            reject(error);
          },
        };
        lab.begin(work);
        signal.addEventListener('abort', () => lab.end(work));
      }),
  );
}

function callbackLogic(site: string, lab: Lab): AnyActorLogic {
  return fromCallback(({ input, sendBack, receive }) => {
    const work: Work = { site, input, tell: (n) => sendBack({ type: 'r1', n }) };
    const wasSeen = !lab.isHidden;
    lab.begin(work);
    receive(({ type }) => {
      lab.see(`${site} hears ${type}`);
      sendBack({ type: 'r0', n: 1 });
    });
    return () => {
      lab.end(work);
      if (wasSeen) lab.seeEnd(`${site} is put away`);
    };
  });
}

interface StreamObserver<T> {
  readonly next?: (value: T) => void;
  readonly error?: (error: unknown) => void;
  readonly complete?: () => void;
}

interface Stream<T> {
  subscribe(observer: StreamObserver<T>): { unsubscribe(): void };
  subscribe(
    next: (value: T) => void,
    error?: (error: unknown) => void,
    complete?: () => void,
  ): { unsubscribe(): void };
}

interface StreamDeps {
  readonly site: string;
  readonly input: unknown;
  readonly lab: Lab;
}

function streamOf<T>({ site, input, lab }: StreamDeps, itemOf: (n: number) => T): Stream<T> {
  return {
    subscribe(first: StreamObserver<T> | ((value: T) => void)) {
      const observer: StreamObserver<T> = typeof first === 'function' ? { next: first } : first;
      const work: Work = {
        site,
        input,
        next: (n) => observer.next?.(itemOf(n)),
        done: () => {
          lab.end(work);
          observer.complete?.();
        },
        fail: (error) => {
          lab.end(work);
          observer.error?.(error);
        },
      };
      lab.begin(work);
      return { unsubscribe: () => lab.end(work) };
    },
  };
}

function machineLogic({ pings, own }: ChildPlan, site: string, lab: Lab): AnyActorLogic {
  const timers: Readonly<Record<number, unknown>> =
    own === 'timer-ends'
      ? { 33: 'z' }
      : own === 'timer-tells-parent'
        ? { 33: { actions: sendParent({ type: 'r1', n: 2 }) } }
        : {};
  const entry: readonly unknown[] =
    own === 'entry-tells-parent' ? [sendParent({ type: 'r0', n: 3 })] : [];
  const invoke =
    own === 'has-child' ? [{ id: 'inner', src: innerLogic(`${site}-inner`, lab) }] : [];
  return createMachine({
    id: 'kid',
    context: { heard: 0 },
    initial: 'a',
    entry: [
      ({ event }: { event: object }) => lab.see(`${site} begins${shown(event)}`),
      ...entry,
    ] as never,
    invoke: invoke as never,
    on: { up: { actions: sendParent({ type: 'r1', n: 4 }) } },
    states: {
      a: {
        after: timers as never,
        on: {
          ping: {
            actions: [
              () => lab.see(`${site} hears ping`),
              assign({ heard: ({ context }) => context.heard + 1 }),
            ],
          },
        },
        always: {
          guard: ({ context }) => pings > 0 && context.heard >= pings,
          target: 'z',
        },
      },
      z: { type: 'final' },
    },
    output: ({ context }) => context.heard,
  });
}

/** A child of a child, which speaks to its parent only. */
function innerLogic(site: string, lab: Lab): AnyActorLogic {
  return fromCallback(({ sendBack }) => {
    const work: Work = { site, input: undefined, tell: () => sendBack({ type: 'up' }) };
    lab.begin(work);
    return () => lab.end(work);
  });
}

function shown(event: object): string {
  return 'input' in event ? ` ${JSON.stringify(event.input)}` : '';
}
