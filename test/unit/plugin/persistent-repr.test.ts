import { expect } from 'chai';
import { CodecError, InvalidInputError } from '../../../src/model/errors.ts';
import type { JsonValue, Payload, PrintedJson } from '../../../src/model/payload.ts';
import { JsonNumber } from '../../../src/model/payload.ts';
import { SerializedPayload } from '../../../src/model/serialized-payload.ts';
import {
  decodePersistentRepr,
  encodePersistentRepr,
  type PersistentEnvelope,
} from '../../../src/plugin/persistent-repr.ts';
import { asRead } from '../../support/codec/as-read.ts';

const writer = { manifest: 'm', writerUuid: 'w' };
const jsonOf = (payload: Payload | PrintedJson): string =>
  payload.type === 'printed-json' ? payload.text : payload.type;
const decodeJson = (value: JsonValue) => decodePersistentRepr({ type: 'json', value });
const binary = (hex: string): Payload => ({ type: 'binary', value: Buffer.from(hex, 'hex') });

describe('persistent events as JSON (docs/format.md#persistent-json)', () => {
  it('writes the members in order and omits an empty manifest', () => {
    const payload = { n: 1 };
    expect(jsonOf(encodePersistentRepr({ ...writer, payload }))).to.equal(
      '{"manifest":"m","writerUuid":"w","payload":{"n":1}}',
    );
    expect(jsonOf(encodePersistentRepr({ ...writer, manifest: '', payload }))).to.equal(
      '{"writerUuid":"w","payload":{"n":1}}',
    );
  });

  it('marks a string as text, with and without manifest', () => {
    expect(jsonOf(encodePersistentRepr({ ...writer, payload: 'x' }))).to.equal(
      '{"manifest":"m","writerUuid":"w","payloadType":"text","payload":"x"}',
    );
    expect(jsonOf(encodePersistentRepr({ manifest: '', writerUuid: 'w', payload: 'x' }))).to.equal(
      '{"writerUuid":"w","payloadType":"text","payload":"x"}',
    );
  });

  it('gives back every value that JSON holds', () => {
    for (const payload of [null, true, 0, -1.5, '', 'x', [], [1, 'a'], {}, { a: { b: [null] } }]) {
      const envelope = { ...writer, payload };
      expect(decodePersistentRepr(asRead(encodePersistentRepr(envelope)))).to.deep.equal(envelope);
    }
  });

  it('keeps the event as it was, whatever becomes of the object', () => {
    const payload = { n: 1 };
    const encoded = encodePersistentRepr({ ...writer, payload });
    payload.n = 2;
    expect(decodePersistentRepr(asRead(encoded)).payload).to.deep.equal({ n: 1 });
  });

  it('refuses a manifest or writer id that is no text', () => {
    for (const part of [{ manifest: undefined }, { writerUuid: 7 }]) {
      const envelope = { ...writer, ...part, payload: {} } as unknown as PersistentEnvelope;
      expect(() => encodePersistentRepr(envelope)).to.throw(InvalidInputError, /texts/);
    }
  });

  it('rejects an event that JSON would change, with its path', () => {
    const payload = { items: [{}, {}, { price: 1n }] };
    expect(() => encodePersistentRepr({ ...writer, payload }))
      .to.throw(InvalidInputError)
      .with.property('path', 'event.items[2].price');
  });

  it('reads absent and null manifests as none, and json as the default type', () => {
    for (const head of [{}, { manifest: null }, { payloadType: 'json' }, { payloadType: null }]) {
      expect(decodeJson({ ...head, writerUuid: 'w', payload: 'x' })).to.deep.equal({
        manifest: '',
        writerUuid: 'w',
        payload: 'x',
      });
    }
  });

  it('refuses what is no envelope', () => {
    const broken: readonly JsonValue[] = [
      1,
      null,
      [],
      {},
      { payload: 1 },
      { writerUuid: 1, payload: 1 },
      { writerUuid: 'w' },
      { writerUuid: 'w', manifest: 1, payload: 1 },
      { writerUuid: 'w', payloadType: 'text', payload: 1 },
      { writerUuid: 'w', payloadType: 'binary', payload: 'x' },
      { writerUuid: 'w', payloadType: new JsonNumber('1e400'), payload: 'x' },
    ];
    for (const value of broken) {
      expect(() => decodeJson(value), JSON.stringify(value)).to.throw(CodecError);
    }
    expect(() => decodePersistentRepr({ type: 'text', value: 'x' })).to.throw(CodecError, /text/);
  });
});

describe('persistent events as binary (docs/format.md#persistent-binary)', () => {
  it('writes bytes as serializer 4', () => {
    const payload = Uint8Array.from([0x68, 0x69]);
    const encoded = encodePersistentRepr({ manifest: 'm1', writerUuid: 'w-1', payload });
    // 1 | 00000002 6d31 | 00000003 772d31 | 00000004 | 00000000 | 00000002 6869 | 0000000
    expect(encoded).to.deep.equal(
      binary('80000001369880000001bb9698800000020000000000000001343480'),
    );
  });

  it('gives back bytes, with and without manifest', () => {
    for (const manifest of ['', 'm', 'é']) {
      for (const payload of [Buffer.alloc(0), Buffer.from([0, 1, 255])]) {
        const envelope = { manifest, writerUuid: 'w', payload };
        expect(decodePersistentRepr(asRead(encodePersistentRepr(envelope)))).to.deep.equal(
          envelope,
        );
      }
    }
  });

  it('gives back what a serializer made, with its id and manifest', () => {
    for (const id of [100, 2 ** 31 - 1, -1]) {
      const payload = new SerializedPayload(id, 'paid#v2', Buffer.from([1, 2, 255]));
      const envelope = { manifest: 'm', writerUuid: 'w', payload };
      expect(decodePersistentRepr(asRead(encodePersistentRepr(envelope)))).to.deep.equal(envelope);
    }
  });

  it('refuses a manifest or writer id that UTF-8 cannot carry', () => {
    const payload = new Uint8Array(0);
    for (const part of [{ manifest: '\ud800' }, { writerUuid: '\ud800' }]) {
      expect(() => encodePersistentRepr({ ...writer, ...part, payload })).to.throw(
        InvalidInputError,
      );
    }
  });

  it('refuses an envelope that is cut short, at every byte', () => {
    const whole = encodePersistentRepr({ ...writer, payload: Uint8Array.from([1, 2, 3]) });
    if (whole.type !== 'binary') expect.fail('bytes are binary');
    for (let length = 0; length < whole.value.length - 1; length++) {
      const value = whole.value.subarray(0, length);
      expect(() => decodePersistentRepr({ type: 'binary', value })).to.throw(CodecError);
    }
  });
});
