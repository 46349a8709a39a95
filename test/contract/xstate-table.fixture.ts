import { setTimeout as sleep } from 'node:timers/promises';
import type { AnyActorRef, AnyStateMachine, EventObject, InspectionEvent } from 'xstate';
import { createActor, fromCallback, SimulatedClock, setup } from 'xstate';
import type { Persistence } from '../../src/index.ts';

/** What an entity is recovered from. */
export const ways = ['its events', 'a snapshot'] as const;
type Way = (typeof ways)[number];

/** Where the entities of a suite live, one after the other. */
export interface TableWorld extends AsyncDisposable {
  readonly persistence: Persistence;
  /** Warnings of the log. */
  readonly warnings: () => readonly string[];
}

export interface LifeOptions {
  readonly input?: unknown;
  /** The entity is a child of a plain machine, which notes what it gets. */
  readonly hasParent?: boolean;
  /** Added to each `recovered` and `stored`. */
  readonly aside?: (entity: AnyActorRef) => string;
}

/** Where a test and its machine are. */
export interface Scene extends Pick<TableWorld, 'persistence' | 'warnings'> {
  readonly way: Way;
  readonly see: (what: string) => void;
  /** What was seen since the last call, in order. */
  readonly take: () => readonly string[];
}

/** The test of one row of the table, in all its columns. */
export type Row = (scene: Scene) => Promise<void>;

const longestWaitMs = 10_000;
let lives = 0;

export function newId(): string {
  return `table-${process.pid}-${++lives}`;
}

/**
 * One entity in one life after the other. Among what is seen is, in its order, what its mailbox
 * says: `recovered` = its journal has been read, nothing of it is live yet; `stored X` = the
 * journal has acknowledged the event X, nothing of it is live yet.
 */
export class Life {
  readonly #scene: Scene;
  readonly #logic: AnyStateMachine;
  readonly #options: LifeOptions;
  #root: AnyActorRef;
  /** Moves the timers of the present life; the entity's own clock is that of the machine. */
  clock = new SimulatedClock();

  private constructor(scene: Scene, logic: AnyStateMachine, options: LifeOptions) {
    this.#scene = scene;
    this.#logic = logic;
    this.#options = options;
    this.#root = this.#start(options.input);
  }

  /** Resolves once the entity is ready. */
  static async begin(
    scene: Scene,
    machine: AnyStateMachine,
    options: LifeOptions = {},
  ): Promise<Life> {
    const logic = scene.persistence.persistent(machine, { persistenceId: newId() });
    const life = new Life(scene, logic as unknown as AnyStateMachine, options);
    await life.#recovered();
    return life;
  }

  /** The entity in its present life. */
  get actor(): AnyActorRef {
    if (this.#options.hasParent !== true) return this.#root;
    return this.#root.getSnapshot().children['entity'] as AnyActorRef;
  }

  get context(): Readonly<Record<string, unknown>> {
    return this.actor.getSnapshot().context;
  }

  get value(): unknown {
    return this.actor.getSnapshot().value;
  }

  /** Notes `asked X` at the end of the turn in which the write of X begins: it cannot end there. */
  async ask(type: string, fields: object = {}): Promise<void> {
    const command = { type, ...fields } as never;
    const asked = this.#scene.persistence.ask(this.actor as never, command);
    this.#scene.see(`asked ${type}`);
    await asked;
  }

  /** Waits for what happens by itself, within a bound. */
  async until(what: string, happened: () => boolean): Promise<void> {
    for (const endMs = Date.now() + longestWaitMs; !happened(); await sleep(1)) {
      if (Date.now() > endMs) throw new Error(`within ${longestWaitMs} ms ${what} did not happen`);
    }
  }

  /** Where the entity is to recover from a snapshot: the one that is taken now. */
  async keep(): Promise<void> {
    if (this.#scene.way === 'its events') return;
    const { sequenceNr } = this.actor.getSnapshot().persistence;
    // This takes a snapshot, and deletes every event before its last one: no other way is left.
    await this.#scene.persistence.deleteEvents(this.actor, sequenceNr);
  }

  /**
   * The entity stops, and its next life begins; what its children say while they stop is left out.
   */
  async again(input: unknown = this.#options.input): Promise<void> {
    if (this.actor.getSnapshot().status === 'active') await this.keep();
    await this.end();
    await this.restart(input);
  }

  async end(): Promise<void> {
    const { actor } = this;
    this.#root.stop();
    await this.#scene.persistence.stop(actor);
    this.#scene.take();
  }

  async restart(input: unknown = this.#options.input): Promise<void> {
    this.clock = new SimulatedClock();
    this.#root = this.#start(input);
    await this.#recovered();
  }

  async #recovered(): Promise<void> {
    await this.#scene.persistence.whenRecovered(this.actor);
  }

  #start(input: unknown): AnyActorRef {
    const { see } = this.#scene;
    const options = {
      id: 'entity',
      clock: this.clock,
      logger: (line: unknown) => see(`log: ${String(line)}`),
      inspect: (event: InspectionEvent) => this.#inspect(event),
    };
    const root = this.#options.hasParent
      ? createActor(parentOf(this.#logic, input, see), { ...options, id: 'parent' })
      : createActor(this.#logic, { ...options, input });
    root.subscribe({ error: () => {} });
    if (this.#options.hasParent !== true) {
      root.on('*', (event: EventObject) => see(`emitted ${event.type}`));
    }
    return root.start() as unknown as AnyActorRef;
  }

  #inspect(event: InspectionEvent): void {
    const isOfEntity = (event.actorRef as AnyActorRef).id === 'entity';
    if (event.type !== '@xstate.event' || !isOfEntity) return;
    const { aside } = this.#options;
    const beside = aside === undefined ? '' : `: ${aside(event.actorRef as AnyActorRef)}`;
    const see = (what: string): void => this.#scene.see(`${what}${beside}`);
    switch (event.event.type) {
      case 'persistence.recovered':
        see('recovered');
        break;
      case 'persistence.initialised':
        see('stored xstate.init');
        break;
      case 'persistence.written': {
        const { step } = event.event as unknown as {
          readonly step: { readonly event: EventObject };
        };
        see(`stored ${step.event.type}`);
        break;
      }
    }
  }
}

function parentOf(entity: AnyStateMachine, input: unknown, see: Scene['see']): AnyStateMachine {
  return setup({ actors: { entity } }).createMachine({
    id: 'parent',
    invoke: { id: 'entity', src: 'entity', input },
    on: { '*': { actions: ({ event }) => see(`parent got ${event.type}`) } },
  });
}

/** Notes what it gets, and with `starts` its own start, under its id. */
export function earOf(see: Scene['see'], starts = false) {
  return fromCallback(({ receive, self }) => {
    if (starts) see(self.id);
    receive(({ type }) => see(`${self.id} got ${type}`));
  });
}
