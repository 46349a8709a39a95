import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import { CodecError, WriteRejectedError } from '../../../src/model/errors.ts';
import type { Event, RecordInfo } from '../../../src/model/event.ts';
import type { JsonValue, Payload } from '../../../src/model/payload.ts';
import { Offset, Partition, Topic } from '../../../src/model/position.ts';
import { RecordMetadata } from '../../../src/model/record-metadata.ts';
import { SeqNr } from '../../../src/model/seq-nr.ts';
import { SerializedPayload } from '../../../src/model/serialized-payload.ts';
import { ofEventRecord, toEvent } from '../../../src/plugin/repr-to-event.ts';
import { EventFacts, type PersistenceId } from '../../../src/ports/journal-plugin.ts';
import { asRead } from '../../support/codec/as-read.ts';

/*
 * The rules K39 to K41 of event serializer and envelope, by their names.
 */

const id = 'account|7' as PersistenceId;
const seqNr = SeqNr.of(3);
const record: RecordInfo = {
  at: { topic: Topic.of('journal'), partition: Partition.of(0), offset: Offset.of(9) },
  timestampMs: 17,
  metadata: RecordMetadata.empty,
} as never;

const repr = (payload: unknown, manifest = '') => ({
  persistenceId: id,
  seqNr,
  payload,
  manifest,
  writerUuid: 'w',
  timestampMs: undefined,
  tags: ['b', 'a'],
  facts: EventFacts.none,
});
const stored = (payload: Payload | undefined, tags: readonly string[] = []): Event =>
  ({ seqNr, tags, payload }) as Event;
const read = (payload: Payload | undefined, tags?: readonly string[]) =>
  ofEventRecord(id, { event: stored(payload, tags), record } as never);
const golden = (name: string): JsonValue =>
  parseJson(readFileSync(new URL(`../../golden/vectors/${name}`, import.meta.url), 'utf8'));

function written(payload: unknown, manifest: string): Payload {
  const envelope = toEvent(repr(payload, manifest)).payload;
  return envelope === undefined ? expect.fail('no payload') : asRead(envelope);
}

function failureOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  return expect.fail('it should be refused');
}

describe('K39: the event serializer', () => {
  it('reads and writes the golden files: JSON, and text in JSON', () => {
    const json = read({ type: 'json', value: golden('PersistentRepr.json') } as Payload);
    expect(json).to.include({ payload: 'json', manifest: 'manifest', writerUuid: 'writerUuid' });
    const text = read({ type: 'json', value: golden('PersistentRepr.text.json') } as Payload);
    expect(text).to.include({ payload: 'text', manifest: 'manifest', writerUuid: 'writerUuid' });
    const again = toEvent({ ...text, tags: [] }).payload;
    expect(again && asRead(again)).to.deep.equal({
      type: 'json',
      value: golden('PersistentRepr.text.json'),
    });
  });

  it('reads and writes binary payloads', () => {
    for (const payload of [
      Buffer.from([1, 2, 3]),
      new SerializedPayload(585506118, 'A', Buffer.from([0, 255])),
    ]) {
      const binary = written(payload, 'm');
      expect(binary.type).to.equal('binary');
      const back = read(binary);
      expect(back).to.deep.include({ manifest: 'm', writerUuid: 'w' });
      expect(JSON.stringify(back.payload)).to.equal(JSON.stringify(payload));
    }
  });

  it('extracts the tags', () => {
    expect(toEvent(repr({ n: 1 })).tags).to.deep.equal(['b', 'a']);
    const value: JsonValue = { writerUuid: 'w', payload: 1 };
    expect(read({ type: 'json', value }, ['x', 'y']).tags).to.deep.equal(['x', 'y']);
  });

  it('names id and event when a payload is missing', () => {
    const error = failureOf(() => read(undefined));
    expect(error).to.be.instanceOf(CodecError);
    expect(error.message).to.match(/the event has no payload .*offset 9.*id account\|7.*seqNr 3/);
  });

  it('does not support a text at top level', () => {
    const error = failureOf(() => read({ type: 'text', value: 'hello' }));
    expect(error).to.be.instanceOf(CodecError);
    expect(error.message).to.match(/none that a persistent actor wrote .*account\|7/);
    expect((error.cause as Error).message).to.match(/must be json or binary, not text/);
  });

  it('names id and value when JSON cannot hold what no serializer is bound to', () => {
    const error = failureOf(() => toEvent(repr({ type: 'paid', at: new Date(0) })));
    expect(error).to.be.instanceOf(WriteRejectedError).and.include({ path: 'event.at' });
    expect(error.message).to.match(/event 3 of "account\|7" cannot be stored: event\.at.*Date/);
  });
});

describe('K40: the JSON envelope', () => {
  const manifests = [undefined, 'x', ''];
  for (const payloadType of ['json', 'text', undefined]) {
    for (const manifest of manifests) {
      it(`round-trips with payloadType ${payloadType} and manifest ${JSON.stringify(manifest)}`, () => {
        const value = {
          ...(manifest !== undefined && { manifest }),
          writerUuid: 'w',
          ...(payloadType !== undefined && { payloadType }),
          payload: 'p',
        };
        const text = printJson(value);
        expect(read({ type: 'json', value: parseJson(text) } as Payload)).to.include({
          manifest: manifest ?? '',
          writerUuid: 'w',
          payload: 'p',
        });
        // The replicator copies it as it is: an empty manifest stays apart from none.
        expect(printJson(parseJson(text) as never)).to.equal(text);
      });
    }
  }

  it('is written without an empty manifest, and with a type only for texts', () => {
    const textOf = (payload: unknown, manifest: string) => {
      const envelope = written(payload, manifest);
      return envelope.type === 'json' ? printJson(envelope.value) : envelope.type;
    };
    expect(textOf('p', '')).to.equal('{"writerUuid":"w","payloadType":"text","payload":"p"}');
    expect(textOf({ n: 1 }, 'x')).to.equal('{"manifest":"x","writerUuid":"w","payload":{"n":1}}');
  });
});

describe('K41: the envelope of either JSON serializer of the JVM', () => {
  // They differ in what they make of an absent member, and in nothing else.
  const forms = {
    'leaves absent members out': '{"writerUuid":"w","payload":{"n":1}}',
    'writes null for them':
      '{"manifest":null,"writerUuid":"w","payloadType":null,"payload":{"n":1}}',
    'names the type json': '{"writerUuid":"w","payloadType":"json","payload":{"n":1}}',
  };
  for (const [what, text] of Object.entries(forms)) {
    it(`is read, also where it ${what}`, () => {
      expect(read({ type: 'json', value: parseJson(text) } as Payload)).to.deep.include({
        manifest: '',
        writerUuid: 'w',
        payload: { n: 1 },
      });
    });
  }
});
