import type { AnyStateMachine } from 'xstate';

/** The machines of one persistent actor: each entity keeps to the one that it was born with. */
export class MachineVersions {
  readonly #newest: AnyStateMachine;
  readonly #earlier: ReadonlyMap<string, AnyStateMachine>;
  /** What the entity at hand uses. */
  inUse: AnyStateMachine;

  /** `earlier` = by version; `''` = for entities whose events name none. */
  constructor(newest: AnyStateMachine, earlier: ReadonlyMap<string, AnyStateMachine> = new Map()) {
    this.#newest = newest;
    this.#earlier = earlier;
    this.inUse = newest;
  }

  /** `undefined` = the events of the entity name no version. */
  of(bornWith: string | undefined): AnyStateMachine {
    return this.#earlier.get(bornWith ?? '') ?? this.#newest;
  }

  isEarlier(bornWith: string | undefined): boolean {
    return this.#earlier.has(bornWith ?? '');
  }

  useNewest(): void {
    this.inUse = this.#newest;
  }
}
