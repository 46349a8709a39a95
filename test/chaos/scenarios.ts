import type { Stack } from '../support/stack/stack.ts';
import { catchUp } from './catch-up.ts';
import { embeddedFleet, type FleetSize, fleet } from './fleet.ts';
import { rebalance } from './rebalance.ts';
import { recreation } from './recreation.ts';
import type { ScenarioResult } from './scenario.ts';
import { truncation } from './truncation.ts';
import { type WakeUpsSize, wakeUps } from './wake-ups.ts';
import { embeddedWriters, writers } from './writers.ts';
import { zombie } from './zombie.ts';

export interface ScenarioOptions {
  readonly stack: Stack;
  /** Receives a line for each step. */
  readonly note: (line: string) => void;
  /** How long the group is kept rebalancing. */
  readonly seconds: number;
  /** How many replicators freeze, one after another. */
  readonly rounds: number;
  /** How long each stretch of load is where a topic is tampered with. */
  readonly loadMs: number;
  /** How many events wait for the replicator that catches up. */
  readonly events: number;
  /** How many commands are acknowledged each time that processes meet at the same entities. */
  readonly writes: number;
  /** Pause of their clients after each answer, ms; 0 = the highest load there can be. */
  readonly restMs: number;
  /** How many of the ways to meet are tried, in their order; all unless given. */
  readonly meetings?: number;
  readonly fleet: FleetSize;
  readonly wakeUps: WakeUpsSize;
  /** Folder for what the instances of a fleet log; absent = nothing is kept. */
  readonly logs?: string | undefined;
  /** Decides what fails, and when, where that is left to chance. */
  readonly seed: number;
}

type Scenario = (options: ScenarioOptions) => Promise<ScenarioResult>;

/** By name, in the order in which `all` runs them. */
export const scenarios = {
  rebalance,
  zombie,
  truncation,
  recreation,
  'catch-up': catchUp,
  writers,
  'embedded-writers': embeddedWriters,
  fleet,
  'embedded-fleet': embeddedFleet,
  'wake-ups': wakeUps,
} as const satisfies Readonly<Record<string, Scenario>>;

export type ScenarioName = keyof typeof scenarios;

export const scenarioNames = Object.keys(scenarios) as readonly ScenarioName[];
