import type { AskOptions } from '../../../src/actor/registry/entities.ts';
import { RecordingLogger } from '../recording-logger.ts';
import { FakeGroup } from './fake-group.ts';
import { FakeNetwork } from './fake-network.ts';
import {
  type Command,
  FleetProcess,
  type FleetWorld,
  fleetSettings,
  topic,
} from './fleet-process.ts';
import { SharedLog } from './shared-log.ts';
import { ToldMembership, viewOf } from './told-membership.ts';
import { VirtualTime } from './virtual-time.ts';

/** Processes of a fleet whose members believe what the test tells them. */
export class Told {
  readonly time = new VirtualTime();
  readonly world: FleetWorld;
  readonly log = new RecordingLogger();

  constructor() {
    const { time } = this;
    const random = (): number => 0.5;
    const topics = new Map([[topic, 4]]);
    const { sessionTimeoutMs, heartbeatIntervalMs } = fleetSettings;
    const timings = { sessionTimeoutMs, heartbeatIntervalMs, longestDelayMs: 0 };
    this.world = {
      time,
      random,
      group: new FakeGroup({ time, random, topics, ...timings }),
      network: new FakeNetwork(time, random),
      log: new SharedLog(4, random),
    };
  }

  /** Two processes; `a` has all partitions. */
  async pair() {
    const [a, b] = [await this.open('a'), await this.open('b')];
    const members = [a.member, b.member];
    a.member.tell(viewOf(1, a.member, { members }));
    b.member.tell(viewOf(1, a.member, { members }));
    await this.time.pass(100);
    return { a, b, members };
  }

  async open(name: string, hasOneTopic = true) {
    const openMembership = (of: { id: string; address: string }) => new ToldMembership(of);
    const options = { log: this.log, openMembership, hasOneTopic };
    const process = await FleetProcess.open(name, this.world, options);
    return { process, name, member: process.membership as ToldMembership };
  }

  /** What the caller gets within `ms`. */
  async ask(
    { process }: { process: FleetProcess },
    command: Command,
    { ms = 1000, ...options }: AskOptions & { ms?: number } = {},
  ): Promise<unknown> {
    const asked = process.counters.ask('e', command, { timeout: 10_000, ...options });
    return await this.outcome(
      asked.then(({ reply }) => reply),
      ms,
    );
  }

  /** What somebody gets within `ms`: the value, or the error. */
  async outcome(work: Promise<unknown>, ms = 1000): Promise<unknown> {
    const heard: { outcome: unknown } = { outcome: 'nothing yet' };
    work.then(
      (value) => {
        heard.outcome = value;
      },
      (error: unknown) => {
        heard.outcome = error;
      },
    );
    await this.time.pass(ms);
    return heard.outcome;
  }
}
