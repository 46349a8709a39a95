import type { Entity } from './entity.ts';
import type { HostState } from './entity-host.machine.ts';
import type { HostedState } from './entity-logic.ts';
import type { PersistenceInfo, Phase } from './persistence-info.ts';

/** A state with what is known of its journal. */
export type Exposed<S> = S & { readonly persistence: PersistenceInfo };

const phases: Readonly<Record<HostState, Phase>> = {
  awaitingPermit: 'awaiting-permit',
  replaying: 'replaying',
  initialising: 'replaying',
  ready: 'ready',
  persisting: 'persisting',
  backingOff: 'backoff',
  stopped: 'stopped',
  failed: 'stopped',
};

/** The snapshot that an actor shows; `error` = the failure behind a backoff or an end. */
export function exposeState<S extends HostedState>(
  { state, sequenceNr, persistenceId, input }: Entity<S>,
  hostState: HostState,
  { stashed, error }: { readonly stashed: number; readonly error: unknown },
): Exposed<S> {
  const phase = phases[hostState];
  const persistence: PersistenceInfo =
    error === undefined
      ? { phase, persistenceId, sequenceNr, stashed, input }
      : { phase, persistenceId, sequenceNr, stashed, input, lastError: error };
  if (phase === 'ready' || phase === 'persisting') return { ...state, persistence };
  if (hostState === 'failed') return { ...state, status: 'error', error, persistence };
  if (hostState === 'stopped') {
    return { ...state, status: state.status === 'done' ? 'done' : 'stopped', persistence };
  }
  // A final state counts once the journal has confirmed it.
  return { ...state, status: 'active', output: undefined, error: undefined, persistence };
}
