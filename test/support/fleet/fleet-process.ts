import type { ActorHost } from '../../../src/actor/actor-host.ts';
import { createActorHost } from '../../../src/actor/create-actor-host.ts';
import type { EntityRegistry } from '../../../src/actor/registry/entities.ts';
import type { FleetSettings } from '../../../src/config/settings/fleet-settings.ts';
import { type Fleet, openFleet } from '../../../src/fleet/fleet.ts';
import { Key } from '../../../src/model/key.ts';
import { Topic } from '../../../src/model/position.ts';
import { type Logger, silentLogger } from '../../../src/observability/logger.ts';
import type { FleetMembership } from '../../../src/ports/fleet-membership.ts';
import { testSettings } from '../../unit/actor/support.ts';
import type { FakeGroup } from './fake-group.ts';
import type { FakeNetwork } from './fake-network.ts';
import type { SharedLog } from './shared-log.ts';
import { ProcessClock, type VirtualTime } from './virtual-time.ts';

export const topic = Topic.of('counters');

export const fleetSettings: FleetSettings = {
  group: 'test',
  sessionTimeoutMs: 2000,
  heartbeatIntervalMs: 50,
  balanceDelayMs: 500,
  handOverTimeoutMs: 300,
  remote: {
    host: '127.0.0.1',
    port: 0,
    bindHost: undefined,
    token: undefined,
    maxCallsInFlight: 1000,
    maxMessageBytes: 1_000_000,
    maxBytesInFlight: 64_000_000,
    tls: undefined,
  },
};

/** What all processes share. */
export interface FleetWorld {
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly group: FakeGroup;
  readonly network: FakeNetwork;
  readonly log: SharedLog;
}

export type Command =
  | { readonly type: 'add'; readonly name: string }
  | { readonly type: 'look' }
  | { readonly type: 'forbid' };
interface Added {
  readonly type: 'added';
  readonly name: string;
}

/** Adds names to a list, each as often as it is told to. */
function counter(host: ActorHost) {
  return host.behavior({
    types: { state: {} as readonly string[], commands: {} as Command, events: {} as Added },
    persistenceId: ({ input }) => input.id,
    initialState: [],
    decide: ({ state, command }) => {
      switch (command.type) {
        case 'add':
          return {
            type: 'persist',
            events: [{ type: 'added', name: command.name }],
            reply: state.length + 1,
          };
        case 'look':
          return { type: 'none', reply: state.length };
        case 'forbid':
          return { type: 'reject', reason: new Error('not today') };
      }
    },
    evolve: (state, event) => [...state, event.name],
  });
}

type Counters = EntityRegistry<ReturnType<typeof counter>>;

/** One process of a service: a host of actors, its fleet, and its counters. */
export class FleetProcess {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly host: ActorHost;
  readonly fleet: Fleet;
  readonly membership: FleetMembership;
  readonly counters: Counters;
  ends: Promise<void> | undefined;
  hasEnded = false;

  private constructor(
    name: string,
    clock: ProcessClock,
    parts: { host: ActorHost; fleet: Fleet; membership: FleetMembership; counters: Counters },
  ) {
    this.name = name;
    this.clock = clock;
    this.host = parts.host;
    this.fleet = parts.fleet;
    this.membership = parts.membership;
    this.counters = parts.counters;
  }

  static async open(
    name: string,
    world: FleetWorld,
    { log = silentLogger, openMembership, hasOneTopic = true }: OpenOptions = {},
  ): Promise<FleetProcess> {
    const { time, random, group, network, log: journal } = world;
    const clock = new ProcessClock(time, random);
    const memberships: FleetMembership[] = [];
    let uuids = 0;
    const randomUuid = (): string => `${name}-${++uuids}`;
    const common = { log, clock, random, randomUuid };
    const fleet = await openFleet({
      ...common,
      settings: fleetSettings,
      openCalls: async (handler) => network.open(`http://${name}`, handler, clock),
      openMembership: async (member) => {
        const membership = openMembership?.(member) ?? group.open(member, clock);
        memberships.push(membership);
        return membership;
      },
      wakePartition: () => {},
      keyOf: (id) => Key.of(topic, id),
      topic: hasOneTopic ? topic : undefined,
    });
    const plugin = fleet.guard(journal.plugin(name, clock));
    const host = createActorHost({
      ...common,
      settings: testSettings,
      journal: async () => plugin,
      place: (local, options) => fleet.entities(local, options),
    });
    const counters = host.entities('counter', counter(host), {
      input: (id) => ({ id }),
      topics: [topic],
    });
    const membership = memberships[0] as FleetMembership;
    return new FleetProcess(name, clock, { host, fleet, membership, counters });
  }

  /** As `Persistence.shutdown`. */
  stop(): Promise<void> {
    this.ends ??= (async () => {
      await this.fleet.leave();
      await this.host.shutdown();
      await this.fleet[Symbol.asyncDispose]();
      this.hasEnded = true;
    })();
    return this.ends;
  }
}

export interface OpenOptions {
  readonly log?: Logger;
  /** False: types name their topics. */
  readonly hasOneTopic?: boolean;
  readonly openMembership?: (member: { id: string; address: string }) => FleetMembership;
}
