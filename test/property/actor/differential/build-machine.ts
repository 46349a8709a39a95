import type { AnyActorLogic, AnyActorRef, AnyStateMachine, EventObject } from 'xstate';
import {
  assign,
  cancel,
  emit,
  enqueueActions,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate';
import { childLogic } from './child-logics.ts';
import { ActionCrashed, type Lab } from './lab.ts';
import {
  type Args,
  blank,
  type Context,
  chosen,
  held,
  named,
  recorded,
  refsIn,
} from './machine-context.ts';
import {
  type ActionArgs,
  bothOf,
  type Guard,
  type Guards,
  guardsOf,
  holdsFor,
} from './machine-guards.ts';
import {
  type ActionPlan,
  type ChildPlan,
  commandTypes,
  type DelayPlan,
  type HearPlan,
  type InvokePlan,
  type MachinePlan,
  type StatePlan,
  type TransitionPlan,
} from './plan.ts';

type Spawn = (src: string, options: Readonly<Record<string, unknown>>) => AnyActorRef;
type Part = Readonly<Record<string, unknown>>;

interface Enqueueing extends ActionArgs {
  readonly enqueue: (action: unknown) => void;
  readonly check: (guard: Guard) => boolean;
}

/*
 * A generated machine has no static type. So xstate's action makers are used through plain
 * signatures: what they get is made here from plans only, and xstate checks none of it at run time.
 */
const set = assign as unknown as (of: (a: Args & { spawn: Spawn }) => Partial<Context>) => Part;
const raiseIt = raise as unknown as (event: EventObject, options?: Part) => Part;
const sendIt = sendTo as unknown as (
  to: (a: ActionArgs) => unknown,
  e: unknown,
  options?: Part,
) => Part;
const emitIt = emit as unknown as (of: (a: Args) => EventObject) => Part;
const spawnIt = spawnChild as unknown as (src: string, options: Part) => Part;
const stopIt = stopChild as unknown as (of: (a: Args) => unknown) => Part;
const enqueueIt = enqueueActions as unknown as (of: (a: Enqueueing) => unknown) => Part;

const seenAtMost = 6;

/** The same machine for every process that is given the same plan. */
export function buildMachine(plan: MachinePlan, lab: Lab): AnyStateMachine {
  return new MachineBuilder(plan, lab).build();
}

class MachineBuilder {
  readonly #root: StatePlan;
  readonly #born: MachinePlan['born'];
  readonly #lab: Lab;
  readonly #guards: Guards;
  readonly #actors: Record<string, AnyActorLogic> = {};
  readonly #targets: string[] = [];
  #sites = 0;
  #notes = 0;

  constructor({ machine, born }: MachinePlan, lab: Lab) {
    this.#root = machine;
    this.#born = born;
    this.#lab = lab;
    this.#guards = guardsOf(statesOf(machine).length > 0 ? 'm.s0' : 'm');
  }

  build(): AnyStateMachine {
    this.#collect(this.#root, 'm');
    const root = this.#state(this.#root, 'm');
    const config = {
      id: 'm',
      ...root,
      context: this.#context(),
      output: ({ context }: Args) => ({ n: context.n }),
    };
    const delays = { context: delayOf.context, event: delayOf.event, clock: () => this.#clockMs() };
    const parts = setup({ actors: this.#actors, delays: delays as never });
    return parts.createMachine(config as never) as unknown as AnyStateMachine;
  }

  #context(): (a: {
    readonly input: { readonly start: number };
    readonly spawn: Spawn;
  }) => Context {
    const born = this.#born;
    if (born === undefined) return ({ input }) => blank(input.start);
    const site = this.#site(born.child);
    const { systemId, watched: syncSnapshot } = born.child;
    return ({ input: { start }, spawn }) => {
      const context = blank(start);
      const ref = spawn(site, { id: site, systemId, syncSnapshot, input: { site, n: start } });
      return { ...context, ids: [site], ...held(context, born.holder, ref) };
    };
  }

  #collect(plan: StatePlan, path: string): void {
    for (const [index, child] of statesOf(plan).entries()) {
      this.#targets.push(`${path}.s${index}`);
      this.#collect(child, `${path}.s${index}`);
    }
  }

  #state(plan: StatePlan, path: string, places: readonly string[] = []): Part {
    const { type } = plan;
    if (type === 'shallow' || type === 'deep') {
      const target = chosen(places, plan.initial);
      return { type: 'history', history: type, ...(plan.tag ? { target } : {}) };
    }
    const entry = this.#actions(plan.entry);
    if (type === 'final') {
      return { type, entry, output: ({ context, event }: Args) => [context.n, event.n] };
    }
    const children = statesOf(plan);
    const starts = children.flatMap(({ type }, i) => (isPlace(type) ? [`s${i}`] : []));
    const states = children.map((child, index) => [
      `s${index}`,
      this.#state(child, `${path}.s${index}`, starts),
    ]);
    const own = {
      entry,
      exit: this.#actions(plan.exit),
      on: this.#on(plan),
      ...(plan.tag ? { tags: [`tag ${path}`] } : {}),
      ...(plan.always === undefined ? {} : { always: this.#inner(plan.always) }),
      after: Object.fromEntries(
        plan.after.map(({ delay, to }) => [
          delay.type === 'ms' ? delay.ms : delay.type,
          this.#inner(to),
        ]),
      ),
      invoke: plan.invoke.map((invoke) => this.#invoke(invoke)),
      ...(plan.onDone === undefined ? {} : { onDone: this.#inner(plan.onDone) }),
    };
    if (children.length === 0) return own;
    if (type === 'parallel') return { ...own, type, states: Object.fromEntries(states) };
    const initial = {
      target: chosen(starts, plan.initial),
      actions: this.#actions(plan.initially),
    };
    return { ...own, initial, states: Object.fromEntries(states) };
  }

  #on({ on, hear }: StatePlan): Part {
    const handlers: Record<string, Part[]> = {};
    for (const { event, to } of on) {
      const isCommand = (commandTypes as readonly string[]).includes(event);
      handlers[event] = [
        ...(handlers[event] ?? []),
        isCommand ? this.#transition(to) : this.#inner(to),
      ];
    }
    for (const { what, transition } of hear) {
      handlers[heard[what]] = [...(handlers[heard[what]] ?? []), this.#inner(transition)];
    }
    return handlers;
  }

  #invoke({ child, onDone, onError, onSnapshot }: InvokePlan): Part {
    const site = this.#site(child);
    return {
      src: site,
      // No machine invokes two actors with one id: xstate would take either for the other.
      ...(child.id === 'none' ? {} : { id: site }),
      ...(child.systemId === undefined ? {} : { systemId: child.systemId }),
      input: ({ context, event }: Args) => ({ site, n: context.n, of: event.n }),
      ...(onDone === undefined ? {} : { onDone: this.#inner(onDone) }),
      ...(onError === undefined ? {} : { onError: this.#inner(onError) }),
      ...(onSnapshot === undefined ? {} : { onSnapshot: this.#inner(onSnapshot) }),
    };
  }

  #transition({ target, reenter, guard, actions }: TransitionPlan): Part {
    const to = target === undefined ? undefined : this.#targets[target % this.#targets.length];
    return {
      ...(to === undefined ? {} : { target: `#${to}`, reenter }),
      ...(guard === undefined ? {} : { guard: this.#guards[guard] }),
      actions: this.#actions(actions),
    };
  }

  /** A transition that the machine may take by itself: it burns fuel. */
  #inner(plan: TransitionPlan): Part {
    const transition = this.#transition(plan);
    const hasFuel = ({ context }: Args): boolean => context.fuel > 0;
    return {
      ...transition,
      guard: plan.guard === undefined ? hasFuel : bothOf(hasFuel, this.#guards[plan.guard]),
      actions: [
        set(({ context }) => ({ fuel: context.fuel - 1 })),
        ...(transition.actions as readonly unknown[]),
      ],
    };
  }

  #actions(plans: readonly ActionPlan[]): readonly unknown[] {
    return plans.flatMap((plan) => this.#action(plan));
  }

  #action(plan: ActionPlan): readonly unknown[] {
    const lab = this.#lab;
    if (isAboutOthers(plan)) return this.#aboutOthers(plan);
    switch (plan.type) {
      case 'add':
        return [set(({ context, event }) => ({ n: (context.n + plan.n + (event.n ?? 0)) % 1000 }))];
      case 'record':
        return [
          set(({ context, event }) => ({
            seen: [...context.seen, recorded(event)].slice(-seenAtMost),
          })),
        ];
      case 'note': {
        const name = `note ${this.#notes++}`;
        return [({ context }: Args) => lab.see(`${name} n=${context.n}`)];
      }
      case 'crash':
        return [({ event }: Args) => crashIf(event.n === 12, lab)];
      case 'emit':
        return [emitIt(({ context }) => ({ type: 'told', n: context.n }) as EventObject)];
      case 'enqueue': {
        const actions = this.#actions(plan.actions);
        return [
          enqueueIt((a) => {
            if (holdsFor(this.#guards, plan.guard, a)) for (const each of actions) a.enqueue(each);
          }),
        ];
      }
      case 'raise':
        return [this.#burning((enqueue) => enqueue(raiseIt({ type: plan.event })))];
    }
  }

  #aboutOthers(plan: AboutOthers): readonly unknown[] {
    switch (plan.type) {
      case 'cancel':
        return [cancel(plan.id)];
      case 'later': {
        const options = {
          ...(plan.id === undefined ? {} : { id: plan.id }),
          delay: this.#delay(plan.delay),
        };
        const event = { type: plan.event };
        return plan.how === 'raise'
          ? [raiseIt(event, options)]
          : [sendIt((a) => (a as unknown as { self: unknown }).self, event, options)];
      }
      case 'spawn':
        return this.#spawn(plan);
      case 'stop':
        return [stopIt(({ context }) => named(context, plan.at) ?? 'nobody')];
      case 'ping':
        return this.#ping(plan);
    }
  }

  #ping({ to, at, delay, id }: Extract<ActionPlan, { type: 'ping' }>): readonly unknown[] {
    const options = delay === undefined ? {} : { id, delay: this.#delay(delay) };
    const target = ({ context, system }: ActionArgs): unknown => {
      if (to === 'id') return named(context, at);
      return to === 'system' ? system.get('radio') : chosen(refsIn(context, to), at);
    };
    const send = sendIt((a) => target(a) ?? 'nobody', { type: 'ping' }, options);
    const before = delay === undefined || id === undefined ? [] : [cancel(id)];
    // One in three throws where there is nobody.
    if (at % 3 === 0) return [...before, send];
    return [...before, enqueueIt((a) => target(a) !== undefined && a.enqueue(send))];
  }

  #spawn({ child, how, holder }: Extract<ActionPlan, { type: 'spawn' }>): readonly unknown[] {
    const site = this.#site(child);
    const { systemId, watched: syncSnapshot } = child;
    const input = ({ context }: Args): unknown => ({ site, n: context.n });
    const options = { systemId, syncSnapshot, input };
    const counted = (context: Context): Partial<Context> => ({
      made: context.made + 1,
      ids: [...context.ids, ...Object.values(idOf(child, `${site}.${context.made}`))],
    });
    if (how === 'spawnChild') {
      const id = ({ context }: Args) => idOf(child, `${site}.${context.made}`).id;
      return [
        spawnIt(site, child.id === 'none' ? options : { ...options, id }),
        set(({ context }) => counted(context)),
      ];
    }
    return [
      set(({ context, spawn }) => {
        const id = idOf(child, `${site}.${context.made}`);
        const ref = spawn(site, { ...options, ...id, input: { site, n: context.made } });
        return { ...counted(context), ...held(context, holder, ref) };
      }),
    ];
  }

  #burning(act: (enqueue: (action: unknown) => void) => void): Part {
    return enqueueIt(({ context, enqueue }) => {
      if (context.fuel <= 0) return;
      enqueue(set(({ context: { fuel } }) => ({ fuel: fuel - 1 })));
      act(enqueue);
    });
  }

  #delay(plan: DelayPlan): number | ((a: Args) => number) {
    if (plan.type === 'ms') return plan.ms;
    return plan.type === 'clock' ? () => this.#clockMs() : delayOf[plan.type];
  }

  /** Until the next full tenth of a second: a deadline in the eyes of the machine. */
  #clockMs(): number {
    return 100 - (this.#lab.time.nowMs() % 100);
  }

  #site(child: ChildPlan): string {
    const site = `c${this.#sites++}-${child.kind}`;
    this.#actors[site] = childLogic(child, site, this.#lab);
    return site;
  }
}

function idOf({ id }: ChildPlan, own: string): { readonly id?: string } {
  if (id === 'none') return {};
  return { id: id === 'own' ? own : 'same' };
}

/** About children and timers. */
type AboutOthers = Extract<ActionPlan, { type: (typeof aboutOthers)[number] }>;

const aboutOthers = ['cancel', 'later', 'spawn', 'stop', 'ping'] as const;

function isAboutOthers(plan: ActionPlan): plan is AboutOthers {
  return (aboutOthers as readonly string[]).includes(plan.type);
}

function crashIf(isTime: boolean, lab: Lab): void {
  if (isTime && !lab.isHidden && !lab.calm) throw new ActionCrashed('an action threw');
}

const heard: Readonly<Record<HearPlan['what'], string>> = {
  done: 'xstate.done.actor.*',
  error: 'xstate.error.actor.*',
  snapshot: 'xstate.snapshot.*',
  any: '*',
};

const delayOf = {
  context: ({ context }: Args) => 10 + (Math.abs(context.n) % 5) * 7,
  event: ({ event }: Args) => 12 + (Math.abs(event.n ?? 0) % 5) * 9,
} as const;

function isPlace(type: StatePlan['type']): boolean {
  return type !== 'shallow' && type !== 'deep' && type !== 'final';
}

/** A compound state needs one to start in; a region of a parallel state is a place. */
function statesOf(plan: StatePlan): readonly StatePlan[] {
  if (plan.type === 'compound') {
    return plan.states.some(({ type }) => isPlace(type)) ? plan.states : [];
  }
  return plan.type === 'parallel' ? plan.states.filter(({ type }) => isPlace(type)) : [];
}
