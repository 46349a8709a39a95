import { parseJson, printJson } from '../../codec/json/json.ts';
import { RemoteCallError } from '../../model/errors.ts';
import { readChoice, readCount, readObject, readText } from '../../model/plain-members.ts';
import type { FleetMember } from '../../ports/fleet-membership.ts';

/*
 * {"reason":"not-owner","owner":{"id":S,"address":S}?,"generation":N}
 * {"reason":"not-hosted" | "stopping" | "busy","text":S}
 */

/** Why a process has not taken a call: nothing was done, and nothing will be. */
export type Refusal =
  | {
      readonly reason: 'not-owner';
      /** Whom it takes for the owner; `undefined` = it knows none. */
      readonly owner: FleetMember | undefined;
      /** Of the view that says so; 0 = it has no view. */
      readonly generation: number;
    }
  | { readonly reason: 'not-hosted' | 'stopping' | 'busy'; readonly text: string };

const reasons = ['not-owner', 'not-hosted', 'stopping', 'busy'] as const;

/** A refusal as the JSON of an answer. */
export function encodeRefusal(refusal: Refusal): string {
  if (refusal.reason !== 'not-owner') {
    const { reason, text } = refusal;
    return printJson({ reason, text });
  }
  const { reason, owner, generation } = refusal;
  if (owner === undefined) return printJson({ reason, generation });
  const { id, address } = owner;
  return printJson({ reason, owner: { id, address }, generation });
}

/** @throws {CodecError} it is no refusal; names the member */
export function decodeRefusal(body: string): Refusal {
  const members = readObject(parseJson(body), 'refusal');
  const reason = readChoice(members.reason, reasons, 'refusal.reason');
  if (reason !== 'not-owner') return { reason, text: readText(members.text, 'refusal.text') };
  const generation = readCount(members.generation, 'refusal.generation');
  if (members.owner === undefined) return { reason, owner: undefined, generation };
  const { id, address } = readObject(members.owner, 'refusal.owner');
  const owner = {
    id: readText(id, 'refusal.owner.id'),
    address: readText(address, 'refusal.owner.address'),
  };
  return { reason, owner, generation };
}

/**
 * The refusal of a call, with it as an error for whoever hears of it in the end.
 *
 * @throws {RemoteCallError} `stored` is `'no'`: the body is no refusal, as its cause says
 */
export function readRefusal(
  body: string,
  { id, address }: FleetMember,
): Refusal & { error: RemoteCallError } {
  let refusal: Refusal;
  try {
    refusal = decodeRefusal(body);
  } catch (cause) {
    const text = `${address} has refused the call in words that cannot be read`;
    throw new RemoteCallError(text, { cause, stored: 'no' });
  }
  const text = `${address} has refused the call: ${whyOf(refusal, id)}`;
  return { ...refusal, error: new RemoteCallError(text, { stored: 'no' }) };
}

/** @param id of the member that has refused the call */
function whyOf(refusal: Refusal, id: string): string {
  if (refusal.reason !== 'not-owner') return refusal.text;
  const { owner, generation } = refusal;
  if (owner?.id === id) return 'it has not taken the partition over yet';
  if (owner !== undefined) return `the partition is of ${owner.address} (generation ${generation})`;
  return generation === 0
    ? 'it is not sure that it is still a member of the fleet'
    : `the partition has no owner (generation ${generation})`;
}
