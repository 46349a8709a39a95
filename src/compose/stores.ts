import type { FleetSettings } from '../config/settings/fleet-settings.ts';
import type { Logger } from '../observability/logger.ts';
import type { ActionConsumer } from '../ports/action-consumer.ts';
import type { ActionProducer } from '../ports/action-producer.ts';
import type { FleetMember, FleetMembership } from '../ports/fleet-membership.ts';
import type { EventualStore } from '../ports/wake-ups.ts';
import type { Clock } from '../runtime/clock.ts';

/** A log and a store, opened together and closed together. */
export interface Stores extends AsyncDisposable {
  readonly producer: ActionProducer;
  readonly consumer: ActionConsumer;
  readonly eventual: EventualStore;
  /**
   * Joins the fleet whose members share the log; the caller leaves it before it closes these.
   *
   * @throws as `openKafkaFleetMembership`, or as `FleetsOfFile.join`
   */
  joinFleet(member: FleetMember, settings: FleetSettings): Promise<FleetMembership>;
}

/** What everything that is opened here logs to and takes the time from; both stay the caller's. */
export interface OpenDeps {
  readonly log: Logger;
  readonly clock: Clock;
}
