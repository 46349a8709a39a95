import type { AnyActorRef, EventObject } from 'xstate';
import { createActor } from 'xstate';
import type { ActorHost } from '../../../../src/actor/actor-host.ts';
import { createActorHost } from '../../../../src/actor/create-actor-host.ts';
import type { ActorSettings } from '../../../../src/actor/entity/entity-options.ts';
import { JournalError } from '../../../../src/model/errors.ts';
import { silentLogger } from '../../../../src/observability/logger.ts';
import type { SnapshotStore } from '../../../../src/ports/snapshot-store.ts';
import { buildMachine } from './build-machine.ts';
import { commandOf } from './commands.ts';
import { type Fault, JournalOfProcess, type Shelf } from './journal-of-process.ts';
import { Lab } from './lab.ts';
import type { CommandPlan, HistoryPlan, StepPlan } from './plan.ts';
import { watchSchedule } from './scheduled.ts';
import { SimulatedTime, settle, soon } from './simulated-time.ts';
import { type View, viewOf } from './view.ts';
import { type Answer, actOnChild, startMs, type World } from './world.ts';

const settings: ActorSettings = {
  maxConcurrentRecoveries: 50,
  stashCapacity: 4096,
  stashOverflow: 'drop',
  logStashing: false,
  groupCommitMaxCommands: 64,
  commandIds: { maxCount: 100, maxAgeMs: 86_400_000 },
  deliveries: {
    redeliverIntervalMs: 5_000,
    redeliveryBurst: 10_000,
    warnAfterAttempts: 5,
    maxUnconfirmed: 100_000,
  },
  timers: 'deadline',
  initEvent: 'auto',
  unhandledReplayedEvent: 'fail',
  unhandledCommand: 'ignore',
  onRejected: 'continue',
  singleWriterGuard: true,
  replayYieldEvery: 1_000_000,
  passivateAfterMs: 0,
  recoveryEventTimeoutMs: 30_000,
  checkDeterminism: false,
};

/** Where snapshots are, and when they are taken. */
export interface Snapshots {
  readonly store: SnapshotStore;
  readonly isDue: (sequenceNr: number) => boolean;
  /** Why some could not be taken. */
  readonly refused: string[];
}

interface Process {
  readonly lab: Lab;
  readonly time: SimulatedTime;
  readonly host: ActorHost;
  readonly journal: JournalOfProcess;
  readonly actor: AnyActorRef;
  readonly pending: ReturnType<typeof watchSchedule>;
}

/** The machine as a persistent actor, in one process after the other; only the journal survives. */
export class PersistentWorld implements World {
  readonly #plan: HistoryPlan;
  readonly #shelf: Shelf;
  readonly #restarts: boolean;
  readonly #snapshots: Snapshots | undefined;
  #process: Process;

  private constructor(
    plan: HistoryPlan,
    shelf: Shelf,
    restarts: boolean,
    snapshots: Snapshots | undefined,
  ) {
    this.#plan = plan;
    this.#shelf = shelf;
    this.#restarts = restarts;
    this.#snapshots = snapshots;
    this.#process = this.#open(startMs, snapshots);
  }

  /** @throws what keeps the entity from recovering */
  static async open(
    plan: HistoryPlan,
    shelf: Shelf,
    restarts: boolean,
    snapshots?: Snapshots,
  ): Promise<PersistentWorld> {
    const world = new PersistentWorld(plan, shelf, restarts, snapshots);
    await world.#recover();
    return world;
  }

  /**
   * What another process would see now that has just recovered the entity, from its snapshots or
   * from its events alone; it stores nothing.
   */
  async recoveredView(snapshots: Snapshots | undefined): Promise<View> {
    const other = this.#open(this.#process.time.nowMs(), snapshots);
    other.journal.isFrozen = true;
    other.actor.start();
    await soon(other.host.whenRecovered(other.actor), 'a recovery');
    await settle();
    const view = viewOf({ ...other, pending: other.pending() });
    other.lab.muted = true;
    return view;
  }

  /** When the last event was stored, ms; 0 = none was. */
  get lastStoredMs(): number {
    return this.#shelf.lastStoredMs;
  }

  view(): View {
    return viewOf({ ...this.#process, pending: this.#process.pending() });
  }

  takeSeen(): readonly string[] {
    return this.#process.lab.take();
  }

  async perform(step: StepPlan): Promise<readonly Answer[]> {
    const { lab, time } = this.#process;
    switch (step.type) {
      case 'command':
        return [await this.#command(step.command, step.fault)];
      case 'burst': {
        const asked = step.commands.map((command) => this.#ask(commandOf(command)));
        return await soon(Promise.all(asked), 'a question');
      }
      case 'pass':
        await time.pass(step.ms, settle);
        break;
      case 'child':
        actOnChild(lab, step);
        break;
      case 'restart':
        if (!this.#restarts) break;
        await (step.how === 'loss' ? this.#lose() : this.#restart(step));
        break;
    }
    await settle();
    return [];
  }

  async close(): Promise<void> {
    this.#process.lab.muted = true;
    await soon(this.#process.host.shutdown(), 'a shutdown');
  }

  async #command(command: CommandPlan, fault: Fault): Promise<Answer> {
    const { journal, time } = this.#process;
    journal.fault = fault;
    const answer = await this.#ask(commandOf(command));
    await settle();
    journal.fault = 'none';
    // A failed write starts the entity over at once, in the same process.
    if (answer === 'failed') await time.pass(0, settle);
    return answer;
  }

  async #ask(command: EventObject): Promise<Answer> {
    const { host, actor } = this.#process;
    try {
      await soon(host.ask(actor as never, command), 'a question');
      return 'stored';
    } catch (error) {
      return answerOf(error);
    }
  }

  async #lose(): Promise<void> {
    const { journal, time } = this.#process;
    journal.lose();
    await settle();
    // An entity with nothing to do rests until somebody speaks to it; this cannot be stored.
    await this.#ask(commandOf({ type: 'e0', n: 0, note: 'date' }));
    await settle();
    await time.pass(0, settle);
  }

  async #restart({ how, downMs }: Extract<StepPlan, { type: 'restart' }>): Promise<void> {
    const { lab, journal, host, time } = this.#process;
    lab.muted = true;
    if (how === 'stop') await soon(host.shutdown(), 'a shutdown');
    journal.die();
    this.#process = this.#open(time.nowMs() + downMs, this.#snapshots);
    await this.#recover();
    await this.#process.time.pass(0, settle);
  }

  async #recover(): Promise<void> {
    const { host, actor } = this.#process;
    actor.start();
    const isFirst = this.#shelf.stored.length === 0;
    await soon(host.whenRecovered(actor), 'a recovery').catch((error: unknown) => {
      // A first state that throws ends the actor before anything is stored.
      if (!isFirst || actor.getSnapshot().status !== 'error') throw error;
    });
    await settle();
  }

  #open(nowMs: number, snapshots: Snapshots | undefined): Process {
    const time = new SimulatedTime(nowMs);
    const lab = new Lab(time);
    const journal = new JournalOfProcess(this.#shelf, time);
    let uuids = 0;
    const host = createActorHost({
      settings,
      journal: async () => journal,
      snapshotStore: async () => snapshots?.store,
      log: silentLogger,
      clock: time,
      randomUuid: () => `${nowMs}-${++uuids}`,
      random: () => 0,
    });
    const logic = host.persistent(buildMachine(this.#plan, lab), {
      persistenceId: 'm-1',
      snapshotWhen: ({ sequenceNr }) => snapshots?.isDue(sequenceNr) === true,
      onSignal: ({ type, cause }) => {
        if (type === 'snapshot-failed') snapshots?.refused.push(String(cause));
      },
      onPersistFailure: { minBackoff: 0, maxBackoff: 0 },
    });
    const actor = createActor(logic, {
      clock: time.xstate,
      input: { start: this.#plan.start } as never,
    }) as unknown as AnyActorRef;
    const pending = watchSchedule(actor, time);
    actor.on('*' as never, (event: EventObject) => lab.see(`emits ${JSON.stringify(event)}`));
    actor.subscribe({ error: () => {} });
    return { lab, time, host, journal, actor, pending };
  }
}

const answers: Readonly<Record<string, Answer>> = {
  COMMAND_UNHANDLED: 'unhandled',
  COMMAND_REJECTED: 'refused',
  WRITE_REJECTED: 'refused',
  INVALID_INPUT: 'refused',
  WRITE_FAILED: 'failed',
  ENTITY_STOPPED: 'ended',
  ENTITY_DONE: 'ended',
};

function answerOf(error: unknown): Answer {
  const answer = error instanceof JournalError ? answers[error.code] : undefined;
  if (answer === undefined) throw error;
  return answer;
}
