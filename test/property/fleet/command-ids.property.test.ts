import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { AskResult } from '../../../src/actor/entity/ask.ts';
import { FakeGroup } from '../../support/fleet/fake-group.ts';
import { FakeNetwork } from '../../support/fleet/fake-network.ts';
import { FleetProcess, fleetSettings, topic } from '../../support/fleet/fleet-process.ts';
import { SharedLog } from '../../support/fleet/shared-log.ts';
import { VirtualTime } from '../../support/fleet/virtual-time.ts';
import { randomOf } from './history.ts';

const count = Number(process.env.COMMAND_ID_SEEDS ?? 20);
const first = Number(process.env.COMMAND_ID_SEED ?? Math.floor(Math.random() * 1e9));

const entities = ['a', 'b', 'c'];
const commandsOfCaller = 8;
const longestMs = 600_000;

/** What a try was answered, as far as every try must get the same. */
type Shown = Pick<AskResult, 'sequenceNr' | 'events' | 'reply'>;

/**
 * Callers that ask again with the same id until they are answered, and sometimes once more, while
 * processes come, go and crash, and calls, answers and acknowledgements get lost.
 */
class Retries {
  readonly #random: () => number;
  readonly #time = new VirtualTime();
  readonly #log: SharedLog;
  readonly #world: Parameters<typeof FleetProcess.open>[1];
  readonly #processes: FleetProcess[] = [];
  readonly #answers = new Map<string, Shown>();
  tries = 0;
  #callers = 0;
  #failure: Error | undefined;

  constructor(seed: number) {
    const random = randomOf(seed);
    const time = this.#time;
    this.#random = random;
    this.#log = new SharedLog(4, random);
    this.#log.unknownRate = 0.1;
    const { sessionTimeoutMs, heartbeatIntervalMs } = fleetSettings;
    const timings = { sessionTimeoutMs, heartbeatIntervalMs, longestDelayMs: 500 };
    const group = new FakeGroup({ time, random, topics: new Map([[topic, 4]]), ...timings });
    const network = new FakeNetwork(time, random);
    network.rates = { request: 0.1, answer: 0.2, refused: 0.05 };
    this.#world = { time, random, group, network, log: this.#log };
  }

  async run(): Promise<void> {
    for (let i = 0; i < 2; i++) await this.#start();
    for (let caller = 0; caller < 6; caller++) {
      this.#callers++;
      this.#call(caller).then(
        () => this.#callers--,
        (error) => {
          this.#failure ??= error;
        },
      );
    }
    const endMs = this.#time.nowMs + longestMs;
    while (this.#callers > 0 && this.#failure === undefined) {
      if (this.#time.nowMs > endMs) throw new Error(`${this.#callers} callers have no answers`);
      await this.#time.pass(20 + this.#random() * 200);
      this.#world.group.look();
      await this.#disturb();
    }
    if (this.#failure !== undefined) throw this.#failure;
    for (const entity of entities) this.#check(entity);
    for (const { clock } of this.#processes) if (!clock.hasCrashed) clock.crash();
  }

  async #call(caller: number): Promise<void> {
    for (let number = 0; number < commandsOfCaller; number++) {
      const name = `${caller}-${number}`;
      const entity = entities[Math.floor(this.#random() * entities.length)] as string;
      // Whoever has the answer may lose it, or a copy of the command may still be on its way.
      for (let answers = this.#random() < 0.3 ? 2 : 1; answers > 0; ) {
        const shown = await this.#try(entity, name);
        if (shown === undefined) continue;
        const known = this.#answers.get(name) ?? shown;
        this.#answers.set(name, known);
        if (!isDeepStrictEqual(shown, known)) {
          throw new Error(`${name}: ${JSON.stringify(shown)} after ${JSON.stringify(known)}`);
        }
        answers--;
      }
    }
  }

  /** `undefined` = no answer. */
  async #try(entity: string, name: string): Promise<Shown | undefined> {
    const running = this.#processes.filter(({ clock, ends }) => clock.isRunning && !ends);
    const process = running[Math.floor(this.#random() * running.length)];
    const { promise, resolve } = Promise.withResolvers<Shown | undefined>();
    const timeout = 20 + this.#random() * 1500;
    // A process that crashed says nothing more.
    this.#time.after(timeout + 200, () => resolve(undefined));
    this.tries++;
    process?.counters.ask(entity, { type: 'add', name }, { commandId: name, timeout }).then(
      ({ sequenceNr, events, reply }) => {
        if (!process.clock.hasCrashed) resolve({ sequenceNr, events, reply });
      },
      () => this.#time.after(this.#random() * 100, () => resolve(undefined)),
    );
    return await promise;
  }

  async #disturb(): Promise<void> {
    const living = this.#processes.filter(({ clock, ends }) => clock.isRunning && !ends);
    const dice = this.#random();
    const one = living[Math.floor(this.#random() * living.length)];
    if (dice < 0.05 && living.length < 4) await this.#start();
    else if (dice < 0.08 && living.length > 1) one?.stop().catch(() => {});
    else if (dice < 0.11 && living.length > 1) one?.clock.crash();
  }

  async #start(): Promise<void> {
    this.#processes.push(await FleetProcess.open(`p${this.#processes.length}`, this.#world));
  }

  /** The effect is once, and the answer is the one that belongs to it. */
  #check(entity: string): void {
    const names = this.#log.events(entity).map(({ payload }) => (payload as { name: string }).name);
    expect(new Set(names).size, `${entity} has each once`).to.equal(names.length);
    for (const [index, name] of names.entries()) {
      const shown = this.#answers.get(name);
      expect(shown).to.deep.equal({
        sequenceNr: index + 1,
        events: [{ type: 'added', name }],
        reply: index + 1,
      });
      this.#answers.delete(name);
    }
    if (entity === entities.at(-1)) expect(this.#answers.size, 'all are stored').to.equal(0);
  }
}

describe('property: callers that ask again with the same id', function () {
  this.timeout(count * 5_000);

  it(`get the first answer, and the effect is once (seeds ${first} to ${first + count - 1})`, async () => {
    let tries = 0;
    for (let seed = first; seed < first + count; seed++) {
      const retries = new Retries(seed);
      try {
        await retries.run();
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error });
      }
      tries += retries.tries;
    }
    // Else nothing was retried, and this would prove nothing.
    expect(tries).to.be.greaterThan(count * 6 * commandsOfCaller * 1.5);
  });
});
