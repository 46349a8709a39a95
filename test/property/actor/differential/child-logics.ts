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
      return fromObservable(() => streamOf<number>(site, lab, (value) => value));
    case 'events':
      return fromEventObservable(() => streamOf(site, lab, (n) => ({ type: 'r0', n })));
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
    ({ signal }) =>
      new Promise((resolve, reject) => {
        const work: Work = {
          site,
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
  return fromCallback(({ sendBack, receive }) => {
    const work: Work = { site, tell: (n) => sendBack({ type: 'r1', n }) };
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

function streamOf<T>(site: string, lab: Lab, itemOf: (n: number) => T): Stream<T> {
  return {
    subscribe(first: StreamObserver<T> | ((value: T) => void)) {
      const observer: StreamObserver<T> = typeof first === 'function' ? { next: first } : first;
      const work: Work = {
        site,
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
  return createMachine({
    id: 'kid',
    context: { heard: 0 },
    initial: 'a',
    entry: [() => lab.see(`${site} begins`), ...entry] as never,
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
