import fc from 'fast-check';
import type { ActionHeader, AppendHeader } from '../../../src/model/action.ts';
import type { Event, Events } from '../../../src/model/event.ts';
import { ExpireAfter } from '../../../src/model/expire-after.ts';
import type { JsonValue, Payload } from '../../../src/model/payload.ts';
import { JsonNumber } from '../../../src/model/payload.ts';
import type { Offset } from '../../../src/model/position.ts';
import type { PayloadMetadata } from '../../../src/model/record-metadata.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';

/** Any text, unpaired surrogates included: JSON carries them. */
const anyText = fc.string({ unit: 'binary' });
const loneText = fc.tuple(anyText, fc.constantFrom('\ud83d', '\ude00', '\x7f', '\\ud83d'), anyText);
const jsonText = fc.oneof(
  { weight: 8, arbitrary: anyText },
  { weight: 1, arbitrary: loneText.map((parts) => parts.join('')) },
);
/** What UTF-8 carries. */
export const strictText = fc.string({ unit: 'grapheme' });

/** Doubles as JSON knows them: finite, one zero. */
const double = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((value) => (value === 0 ? 0 : value));
/** Numbers that no double holds, as the printer spells them. */
const wideNumber = fc
  .bigInt({ min: 10n ** 17n, max: 10n ** 33n })
  .map((digits) => new JsonNumber(`${digits}`.replace(/0+$/, '7')))
  .filter(({ text }) => BigInt(Number(text)) !== BigInt(text));

export const jsonValue: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    jsonText,
    double,
    fc.integer(),
    wideNumber,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(jsonText, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value;
export const presentJson = jsonValue.filter((value) => value !== null) as fc.Arbitrary<
  Exclude<JsonValue, null>
>;

/** The number of an event. */
const eventNr = fc.oneof(
  fc.integer({ min: 1, max: 1000 }),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 1 }),
) as fc.Arbitrary<number> as fc.Arbitrary<SeqNr>;
export const seqNr = fc.oneof({ weight: 2, arbitrary: eventNr }, fc.constant(SeqNr.max));

const units = ['day', 'hour', 'minute', 'second', 'millisecond', 'nanosecond'] as const;
const maxNanos = 2n ** 63n - 1n;
export const expireAfter: fc.Arbitrary<ExpireAfter> = fc
  .tuple(fc.bigInt({ min: -maxNanos, max: maxNanos }), fc.constantFrom(...units))
  .map(([nanos, unit]) => ({ length: nanos / ExpireAfter.toNanos({ length: 1n, unit }), unit }));

export const payloadMetadata: fc.Arbitrary<PayloadMetadata> = fc.record(
  { expireAfter, data: presentJson },
  { requiredKeys: [] },
);
export const headerMetadata = fc.record({ data: presentJson }, { requiredKeys: [] });

const jsonPayload = presentJson.map((value): Payload => ({ type: 'json', value }));
const jsonOnly: fc.Arbitrary<Payload | undefined> = fc.oneof(
  fc.constant(undefined),
  jsonPayload,
  jsonText.map((value): Payload => ({ type: 'text', value })),
);
const anyPayload: fc.Arbitrary<Payload | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant<Payload>({ type: 'json', value: null }),
  jsonPayload,
  strictText.map((value): Payload => ({ type: 'text', value })),
  fc.uint8Array({ maxLength: 40 }).map((value): Payload => ({ type: 'binary', value })),
);

function eventsOf(payload: fc.Arbitrary<Payload | undefined>, tag: fc.Arbitrary<string>) {
  const tags = fc.uniqueArray(tag, { maxLength: 6 });
  const event: fc.Arbitrary<Event> = fc.record({ seqNr: eventNr, tags, payload });
  return fc
    .uniqueArray(event, { minLength: 1, maxLength: 5, selector: (one) => one.seqNr })
    .map((events) =>
      events.toSorted((a, b) => a.seqNr - b.seqNr),
    ) as unknown as fc.Arbitrary<Events>;
}
export const jsonEvents = eventsOf(jsonOnly, jsonText);
export const anyEvents = eventsOf(anyPayload, strictText);

const optionalText = fc.option(jsonText, { nil: undefined });
const writer = { origin: optionalText, version: optionalText };
const offset = fc.oneof(
  fc.integer({ min: 0, max: 1000 }),
  fc.maxSafeNat(),
) as fc.Arbitrary<number> as fc.Arbitrary<Offset>;
/** What a header has, or has not: a member that is absent in both, not `undefined`. */
const perhaps = <T extends object>(member: fc.Arbitrary<T>) => fc.oneof(fc.constant({}), member);
const wellFormed = jsonText.filter((text) => text.isWellFormed());
const scope = wellFormed.filter((text) => text.length <= 255);
const address = fc.option(wellFormed, { nil: undefined });
const tenure = perhaps(fc.record({ tenure: fc.record({ scope, of: offset }) }));
const wake = perhaps(
  fc.record({
    wake: fc.oneof(
      fc.constantFrom('now' as const, 'none' as const),
      fc.integer({ min: 0, max: 1000 }),
      fc.integer({ min: 0, max: 8.64e15 }),
    ),
  }),
);
const opening = perhaps(fc.record({ opens: fc.record({ scope, holder: wellFormed, address }) }));
const joined = <A, B>(parts: readonly [A, B]): A & B => ({ ...parts[0], ...parts[1] });
const range = fc
  .tuple(eventNr, eventNr)
  .map(([a, b]) => (a <= b ? { from: a, to: b } : { from: b, to: a }));
const plainAppend = fc.record({
  type: fc.constant('append' as const),
  range,
  payloadType: fc.constantFrom('json' as const, 'binary' as const),
  metadata: headerMetadata,
  ...writer,
});
const plainMark = fc.record({ type: fc.constant('mark' as const), id: jsonText, ...writer });
const plainDelete = fc.record({ type: fc.constant('delete' as const), to: seqNr, ...writer });
const plainPurge = fc.record({ type: fc.constant('purge' as const), ...writer });
export const appendHeader: fc.Arbitrary<AppendHeader> = fc
  .tuple(fc.tuple(plainAppend, tenure).map(joined), wake)
  .map(joined);
export const actionHeader: fc.Arbitrary<ActionHeader> = fc.oneof(
  appendHeader,
  fc.tuple(plainMark, opening).map(joined),
  fc.tuple(plainDelete, tenure).map(joined),
  fc.tuple(plainPurge, tenure).map(joined),
);
