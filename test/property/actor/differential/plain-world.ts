import type { AnyActorRef, AnyMachineSnapshot, AnyStateMachine, EventObject } from 'xstate';
import { createActor } from 'xstate';
import { buildMachine } from './build-machine.ts';
import { commandOf, isStorable } from './commands.ts';
import type { Differences } from './differences.ts';
import { ActionCrashed, Lab } from './lab.ts';
import type { CommandPlan, HistoryPlan, StepPlan } from './plan.ts';
import { insideOf, watchSchedule } from './scheduled.ts';
import { SimulatedTime, settle } from './simulated-time.ts';
import { isRunning, type StartOver, startOver } from './start-over.ts';
import { type PendingEvent, statusOf, type View, viewOf } from './view.ts';
import { type Answer, actOnChild, startMs, type World } from './world.ts';

/** A step, with what the oracle has to know of the journal. */
interface Told {
  readonly step: StepPlan;
  readonly lastStoredMs: number;
}

/** What becomes of an event instead of being handled as usual. */
type Treatment = 'refuse' | 'lose' | 'apply-unseen' | 'try-calm' | 'crash';

interface Taken {
  readonly number: number;
  readonly event: EventObject;
  readonly isInternal: boolean;
}

interface Run {
  readonly lab: Lab;
  readonly time: SimulatedTime;
  readonly actor: AnyActorRef;
  readonly pending: () => readonly PendingEvent[];
  readonly sent: PendingEvent[];
  readonly children: Set<AnyActorRef>;
  readonly scheduled: WeakSet<object>;
  /** Events that the machine took, each with its number. */
  readonly outcomes: Map<EventObject, { readonly number: number; readonly answer: Answer }>;
  /** Number of the first event of this step. */
  first: number | undefined;
  /** Children before the event whose write failed. */
  before: readonly AnyActorRef[];
  /** Children that were not at work when the actor started over. */
  readonly madeAgain: WeakSet<AnyActorRef>;
  threw: Taken | undefined;
  /** Number of an event that was tried without actions that throw. */
  calm: number | undefined;
}

/**
 * The oracle: the machine as a plain actor. What a persistent actor does otherwise on purpose is done to it here, each
 * time in the name of a row of docs/differences.md.
 *
 * xstate cannot take back an event that threw half-way. So the events of the machine are counted, and the whole history
 * is run again without the one that threw.
 */
export class PlainWorld implements World {
  readonly #plan: HistoryPlan;
  readonly #differences: Differences;
  readonly #restarts: boolean;
  readonly #told: Told[] = [];
  readonly #treatments = new Map<number, Treatment>();
  #run: Run;
  /** When the persistent actor's last event was stored. */
  lastStoredMs = 0;

  private constructor(plan: HistoryPlan, differences: Differences, restarts: boolean) {
    this.#plan = plan;
    this.#differences = differences;
    this.#restarts = restarts;
    this.#run = this.#open();
  }

  static async open(
    plan: HistoryPlan,
    differences: Differences,
    restarts: boolean,
  ): Promise<PlainWorld> {
    const world = new PlainWorld(plan, differences, restarts);
    await settle();
    while (world.#treatThrown()) await world.#runAgain();
    return world;
  }

  view(): View {
    const goneAs = (ref: AnyActorRef): string => this.#goneAs(ref);
    const view = viewOf({ ...this.#run, pending: this.#run.pending(), goneAs });
    if (view.status === 'error' && view.works.length > 0) {
      this.#differences.use('children-of-a-failed-actor-stop');
    }
    return view;
  }

  #goneAs(ref: AnyActorRef): string {
    const status = statusOf(ref);
    if (status !== 'active' || !this.#run.madeAgain.has(ref)) return status;
    this.#differences.use('child-that-never-ran-shows-stopped');
    return 'stopped';
  }

  takeSeen(): readonly string[] {
    return this.#run.lab.take();
  }

  async perform(step: StepPlan): Promise<readonly Answer[]> {
    const told = { step, lastStoredMs: this.lastStoredMs };
    this.#told.push(told);
    let answers = await this.#tell(told);
    while (this.#treatThrown() || this.#treatFault(step, answers[0])) {
      answers = await this.#runAgain();
    }
    return answers;
  }

  /**
   * An event that throws is refused when it came from outside or from a child. An action of the user that throws counts
   * only if nothing else does: a dry run does not meet it.
   */
  #treatThrown(): boolean {
    const { threw, calm, actor } = this.#run;
    if (calm !== undefined && threw?.number !== calm) {
      this.#treatments.set(calm, 'crash');
      return true;
    }
    if (threw === undefined) return false;
    const { error } = actor.getSnapshot() as AnyMachineSnapshot;
    if (error instanceof ActionCrashed) {
      if (this.#treatments.has(threw.number)) return false;
      this.#treatments.set(threw.number, 'try-calm');
      return true;
    }
    if (threw.isInternal) return false;
    this.#differences.use('throwing-event-is-refused');
    this.#treatments.set(threw.number, 'refuse');
    return true;
  }

  /** Whether there is a write that can fail shows only when the command has been tried. */
  #treatFault(step: StepPlan, answer: Answer | undefined): boolean {
    const { threw, first } = this.#run;
    if (step.type !== 'command' || step.fault === 'none' || first === undefined) return false;
    const treatment = this.#treatments.get(first);
    if (treatment !== undefined && treatment !== 'crash') return false;
    if (answer !== 'stored' && threw?.number !== first) return false;
    this.#treatments.set(first, treatmentOf[step.fault]);
    return true;
  }

  async #runAgain(): Promise<readonly Answer[]> {
    this.#run = this.#open();
    await settle();
    let answers: readonly Answer[] = [];
    for (const told of this.#told) {
      this.takeSeen();
      answers = await this.#tell(told);
    }
    return answers;
  }

  async #tell(told: Told): Promise<readonly Answer[]> {
    const { step } = told;
    const { lab, time, outcomes } = this.#run;
    outcomes.clear();
    this.#run.first = undefined;
    let answers: readonly Answer[] = [];
    switch (step.type) {
      case 'command':
        answers = await this.#command(step, told.lastStoredMs);
        break;
      case 'burst':
        answers = this.#send(step.commands);
        break;
      case 'pass':
        await time.pass(step.ms, settle);
        break;
      case 'child':
        actOnChild(lab, step);
        break;
      case 'restart':
        if (this.#restarts) await this.#startOver({ ...told, ...step, isNewProcess: true });
        break;
    }
    await settle();
    return answers;
  }

  async #command(
    { command, fault }: Extract<StepPlan, { type: 'command' }>,
    lastStoredMs: number,
  ): Promise<readonly Answer[]> {
    const answers = this.#send([command]);
    if (answers[0] !== 'failed') return answers;
    await settle();
    if (fault === 'stored-but-failed') this.#differences.use('doings-of-a-failed-write-are-lost');
    const { time } = this.#run;
    await this.#startOver({
      downMs: 0,
      lastStoredMs: fault === 'lost' ? lastStoredMs : time.nowMs(),
      isNewProcess: false,
    });
    return answers;
  }

  /** What arrives together waits together: nothing that the first leads to comes before the last. */
  #send(commands: readonly CommandPlan[]): readonly Answer[] {
    const { actor, outcomes } = this.#run;
    const wasOver = actor.getSnapshot().status !== 'active';
    const { mailbox } = actor as unknown as { readonly mailbox: Mailbox };
    mailbox._active = false;
    const sent = commands.map((command) => {
      if (!isStorable(command)) return undefined;
      const event = this.#storedForm(commandOf(command));
      actor.send(event as never);
      return event;
    });
    if (!wasOver) mailbox.start();
    return sent.map((event) => {
      if (event !== undefined) return outcomes.get(event)?.answer ?? 'ended';
      return wasOver ? 'ended' : 'refused';
    });
  }

  #storedForm(event: EventObject): EventObject {
    const stored = JSON.parse(JSON.stringify(event)) as EventObject;
    const { n, note } = event as unknown as { readonly n: number; readonly note?: unknown };
    if (Object.is(n, -0) || ('note' in event && note === undefined)) {
      this.#differences.use('event-is-applied-as-stored');
    }
    return stored;
  }

  async #startOver(how: Omit<StartOver, 'differences'>): Promise<void> {
    const { time, children, madeAgain } = this.#run;
    for (const child of children) if (!isRunning(child)) madeAgain.add(child);
    startOver(this.#run, { ...how, differences: this.#differences });
    this.#run.sent.length = 0;
    this.#run.before = [];
    await settle();
    await time.pass(0, settle);
  }

  #open(): Run {
    const time = new SimulatedTime(startMs);
    const lab = new Lab(time);
    const machine = buildMachine(this.#plan.machine, lab);
    const children = new Set<AnyActorRef>();
    const handled = { last: false };
    const root: { actor?: AnyActorRef } = {};
    const actor: AnyActorRef = createActor(machine, {
      clock: time.xstate,
      input: { start: this.#plan.start } as never,
      inspect: (event) => {
        if (event.type === '@xstate.actor') children.add(event.actorRef as AnyActorRef);
        if (event.type !== '@xstate.microstep' || event.actorRef !== root.actor) return;
        if (event._transitions.length > 0) handled.last = true;
      },
    });
    root.actor = actor;
    const pending = watchSchedule(actor, time);
    const scheduled = new WeakSet<object>();
    const outcomes: Run['outcomes'] = new Map();
    const run: Run = {
      ...{ lab, time, actor, pending, sent: [], children, scheduled, outcomes },
      before: [],
      madeAgain: new WeakSet(),
      first: undefined,
      threw: undefined,
      calm: undefined,
    };
    this.#watchTransitions(machine, run, handled);
    watchRelays(run);
    actor.on('*' as never, (event: EventObject) => lab.see(`emits ${JSON.stringify(event)}`));
    actor.subscribe({ error: () => {} });
    actor.start();
    return run;
  }

  #watchTransitions(machine: AnyStateMachine, run: Run, handled: { last: boolean }): void {
    const native = machine.transition;
    let count = 0;
    machine.transition = (snapshot, event: EventObject, scope) => {
      if (event.type === 'xstate.stop') return native(snapshot, event, scope);
      const number = ++count;
      run.first ??= number;
      const treatment = this.#treatments.get(number);
      const answer = treatment === 'refuse' ? 'refused' : 'failed';
      if (treatment === 'refuse' || treatment === 'lose') {
        run.outcomes.set(event, { number, answer });
        return snapshot;
      }
      if (treatment === 'apply-unseen') {
        run.lab.unseen = true;
        const { children } = snapshot as AnyMachineSnapshot;
        run.before = Object.values(children) as AnyActorRef[];
      }
      run.lab.calm = treatment === 'try-calm';
      if (run.lab.calm) run.calm = number;
      const isInternal = run.scheduled.has(event) || event.type.startsWith('xstate.');
      handled.last = false;
      const { length } = run.lab.seen;
      try {
        const next = native(snapshot, event, scope);
        const usual = handled.last ? 'stored' : 'unhandled';
        run.outcomes.set(event, { number, answer: treatment === 'apply-unseen' ? answer : usual });
        return next;
      } catch (error) {
        run.threw ??= { number, event, isInternal };
        if (isInternal && !(error instanceof ActionCrashed)) {
          this.#differences.use('failing-event-does-nothing-before');
          run.lab.seen.length = length;
        }
        throw error;
      }
    };
  }
}

interface Mailbox {
  _active: boolean;
  start(): void;
}

const treatmentOf = {
  rejected: 'refuse',
  lost: 'lose',
  'stored-but-failed': 'apply-unseen',
} as const;

/** Notes which events timers send, and holds back what is not to be seen. */
function watchRelays(run: Run): void {
  const { actor, lab, time, sent, scheduled } = run;
  const system = insideOf(actor);
  const relay = system._relay;
  const { scheduler } = system;
  const schedule = scheduler.schedule;
  const later = new WeakSet<object>();
  scheduler.schedule = (source, target, event, delay, ...id) => {
    later.add(event);
    if (source === actor && target === actor) scheduled.add(event);
    schedule(source, target, event, delay, ...id);
  };
  system._relay = (source, target, event) => {
    if ((lab.isHidden || lab.silent) && source !== undefined) return;
    if (source === actor && target !== actor && later.has(event as object)) {
      const left = { source: actor, target: target as AnyActorRef, dueMs: time.nowMs() };
      sent.push({ ...left, event: event as EventObject, alarm: -1 });
    }
    // A child that is heard at once is busy while its parent answers; no persistent parent answers so soon.
    const isFromChild = source !== undefined && source !== actor && target === actor;
    if (isFromChild) queueMicrotask(() => relay(source, target, event));
    else relay(source, target, event);
  };
}
