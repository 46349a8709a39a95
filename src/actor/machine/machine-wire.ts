import type { AnyMachineSnapshot, AnyStateMachine, StateValue } from 'xstate';
import { CodecError } from '../../model/errors.ts';
import { readArray, readObject, readText } from '../../model/plain-members.ts';
import type { PersistenceInfo } from '../entity/persistence-info.ts';
import { commonForm, commonOf, type SnapshotWire } from '../entity/snapshot-wire.ts';
import type { MachineVersions } from './machine-versions.ts';
import { type StateNode, sameValue, stateNodeOf } from './snapshot-parts.ts';

type MachineSnapshot = AnyMachineSnapshot & { readonly persistence: PersistenceInfo };

/** Snapshots of a machine: what arrives answers `matches`, `hasTag`, `can` and `getMeta`. */
export class MachineWire implements SnapshotWire<MachineSnapshot> {
  readonly #versions: MachineVersions;

  constructor(versions: MachineVersions) {
    this.#versions = versions;
  }

  toPlain(snapshot: MachineSnapshot): unknown {
    const { value, context, historyValue } = snapshot;
    const common = commonForm(snapshot);
    const history = Object.entries(historyValue as History);
    if (history.length === 0) return { ...common, value, context };
    const ids = history.map(([id, nodes]) => [id, nodes.map((node) => node.id)]);
    return { ...common, value, context, history: Object.fromEntries(ids) };
  }

  ofPlain(plain: unknown): MachineSnapshot {
    const members = readObject(plain, 'snapshot');
    const { value, context, history } = members;
    const { status, output, error, persistence } = commonOf(members);
    checkValue(value, 'snapshot.value');
    readObject(context, 'snapshot.context');
    const machine = this.#versions.of(persistence.bornWith);
    const historyValue = history === undefined ? {} : historyOf(machine, history);
    const what = `the state ${JSON.stringify(value)}`;
    const resolved = known(machine, what, () =>
      machine.resolveState({ value, context, historyValue }),
    );
    if (!sameValue(resolved.value, value)) throw unknown(machine, what);
    // xstate derives a status of its own from the value.
    return { ...resolved, status, output, error, persistence } as MachineSnapshot;
  }
}

function historyOf(machine: AnyStateMachine, history: unknown): History {
  const at = 'snapshot.history';
  const entries = Object.entries(readObject(history, at)).map(([name, ids]) => {
    const nodes = readArray(ids, `${at}.${name}`).map((given) => {
      const id = readText(given, `${at}.${name}`);
      const node = stateNodeOf(machine.root, id);
      if (node !== undefined) return node;
      throw unknown(machine, `the state "${id}"`);
    });
    return [name, nodes] as const;
  });
  return Object.fromEntries(entries);
}

/** Another version of the program may have a machine of the same name with other states. */
function known<T>(machine: AnyStateMachine, what: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    throw unknown(machine, what, { cause });
  }
}

function unknown(machine: AnyStateMachine, what: string, options?: ErrorOptions): CodecError {
  const text = `the machine "${machine.id}" of this process does not have ${what}`;
  return new CodecError(`snapshot.value: ${text}`, options);
}

type History = Readonly<Record<string, StateNode[]>>;

/** @throws {CodecError} it is no state value */
function checkValue(value: unknown, at: string): asserts value is StateValue {
  if (typeof value === 'string') return;
  for (const [name, inner] of Object.entries(readObject(value, at))) {
    checkValue(inner, `${at}.${name}`);
  }
}
