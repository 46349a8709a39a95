import type { AnyActorRef, AnyMachineSnapshot, EventObject } from 'xstate';
import { commandOf, isStorable } from './commands.ts';
import type { Differences } from './differences.ts';
import { ActionCrashed } from './lab.ts';
import { openRun, type Run, type Treatment } from './plain-run.ts';
import type { CommandPlan, HistoryPlan, StepPlan } from './plan.ts';
import { settle } from './simulated-time.ts';
import { isRunning, type StartOver, startOver } from './start-over.ts';
import { statusOf, type View, viewOf } from './view.ts';
import { type Answer, actOnChild, type World } from './world.ts';

/** A step, with what the oracle has to know of the journal. */
interface Told {
  readonly step: StepPlan;
  readonly lastStoredMs: number;
}

/**
 * The oracle: the machine as a plain actor. What a persistent actor does otherwise on purpose is
 * done to it here, each time in the name of a row of docs/differences.md.
 *
 * xstate cannot take back an event that threw half-way. So the events of the machine are counted,
 * and the whole history is run again without the one that threw.
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
    const { madeAgain, endedAlone } = this.#run;
    if (!madeAgain.has(ref) || (status !== 'active' && !endedAlone.has(ref))) return status;
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
    while (this.#treat(step, answers[0])) answers = await this.#runAgain();
    return answers;
  }

  /** The command comes before what it leads to: without it, that has other numbers. */
  #treat(step: StepPlan, answer: Answer | undefined): boolean {
    if (answer === 'stored' && this.#treatFault(step, answer)) return true;
    return this.#treatThrown() || this.#treatFault(step, answer);
  }

  /**
   * An event that throws is refused when it came from outside or from a child. An action of the
   * user that throws counts only if nothing else does: a dry run does not meet it.
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
        // An entity that has ended is not taken over: nobody goes on with it.
        if (!this.#restarts || (step.how === 'loss' && this.#hasEnded)) break;
        await (step.how === 'loss'
          ? this.#startOver({ ...told, downMs: 0, isNewProcess: false })
          : this.#startOver({ ...told, ...step, isNewProcess: true }));
        break;
    }
    await settle();
    return answers;
  }

  get #hasEnded(): boolean {
    return this.#run.actor.getSnapshot().status !== 'active';
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

  /**
   * What arrives together waits together: nothing that the first leads to comes before the last.
   */
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
      if (event !== undefined) return outcomes.get(event) ?? 'ended';
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
    startOver(this.#run, { ...how, differences: this.#differences });
    for (const child of children) if (!isRunning(child)) madeAgain.add(child);
    this.#run.sent.length = 0;
    this.#run.before = [];
    await settle();
    await time.pass(0, settle);
  }

  #open(): Run {
    return openRun(this.#plan, this.#treatments, this.#differences);
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
