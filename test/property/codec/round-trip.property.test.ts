import { expect } from 'chai';
import fc from 'fast-check';
import { printDuration, readDuration } from '../../../src/codec/duration-codec.ts';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import { printNumber, readNumber } from '../../../src/codec/json/json-number.ts';
import { readJsonText } from '../../../src/codec/json/json-reader.ts';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../../src/codec/record/action-header-codec.ts';
import { decodeAction, encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import {
  decodeBinaryEvents,
  encodeBinaryEvents,
} from '../../../src/codec/record/events-binary-codec.ts';
import { decodeEvents, encodeEvents } from '../../../src/codec/record/events-codec.ts';
import {
  parseRecordMetadata,
  printRecordMetadata,
} from '../../../src/codec/record/record-metadata-codec.ts';
import { ofStoredPayload, toStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import type { Action } from '../../../src/model/action.ts';
import { Key } from '../../../src/model/key.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import { decodePersistentRepr, encodePersistentRepr } from '../../../src/plugin/persistent-repr.ts';
import { asRead } from '../../support/codec/as-read.ts';
import {
  actionHeader,
  anyEvents,
  appendHeader,
  expireAfter,
  headerMetadata,
  jsonEvents,
  jsonValue,
  payloadMetadata,
  strictText,
} from './arbitraries.ts';
import { seed } from './seed.ts';

const runs = { seed, numRuns: 300 };

describe(`property: decode after encode is the identity (seed ${seed})`, function () {
  this.timeout(30_000);

  it('for JSON', () => {
    const law = fc.property(jsonValue, (value) => {
      expect(parseJson(printJson(value))).to.deep.equal(value);
    });
    fc.assert(law, runs);
  });

  it('for events in JSON, and printing them again gives the same bytes', () => {
    const law = fc.property(jsonEvents, payloadMetadata, (events, metadata) => {
      const { payloadType, value } = encodeEvents(events, metadata);
      expect(payloadType).to.equal('json');
      const decoded = decodeEvents('json', value);
      expect(decoded).to.deep.equal({ events, metadata });
      expect(encodeEvents(decoded.events, decoded.metadata).value.equals(value)).to.equal(true);
    });
    fc.assert(law, runs);
  });

  it('for events in binary', () => {
    const law = fc.property(anyEvents, payloadMetadata, (events, metadata) => {
      const decoded = decodeBinaryEvents(encodeBinaryEvents(events, metadata));
      expect(JSON.parse(JSON.stringify(decoded.events))).to.deep.equal(
        JSON.parse(JSON.stringify(withBuffers(events))),
      );
      expect(decoded.metadata).to.deep.equal(metadata);
    });
    fc.assert(law, runs);
  });

  it('for record headers, read once and again', () => {
    const law = fc.property(actionHeader, (header) => {
      const text = encodeActionHeader(header);
      expect(decodeActionHeader(text)).to.deep.equal(header);
      expect(decodeActionHeader(text)).to.deep.equal(header);
    });
    fc.assert(law, runs);
  });

  it('for append records', () => {
    const value = fc.uint8Array({ maxLength: 20 });
    const headers = fc.dictionary(strictText, strictText, { maxKeys: 3, noNullPrototype: true });
    const parts = fc.record({ header: appendHeader, id: strictText, bytes: value, headers });
    const law = fc.property(parts, ({ header, id, bytes, headers: users }) => {
      const key = Key.of('journal', id);
      const action = { key, timestampMs: 5, header, value: Buffer.from(bytes), headers: users };
      const at = { partition: Partition.of(1), offset: Offset.of(2) };
      expect(decodeAction(key.topic, at.partition, logRecordOf(action))).to.deep.equal({
        action,
        at,
      });
    });
    fc.assert(law, runs);
  });

  it('for durations', () => {
    const law = fc.property(expireAfter, (value) => {
      expect(readDuration(printDuration(value))).to.deep.equal(value);
    });
    fc.assert(law, runs);
  });

  it('for record metadata, unless it is empty', () => {
    const law = fc.property(headerMetadata, payloadMetadata, (header, payload) => {
      expect(parseRecordMetadata(printRecordMetadata({ header, payload }))).to.deep.equal({
        header,
        payload,
      });
    });
    fc.assert(law, runs);
  });

  it('for stored payloads', () => {
    const law = fc.property(anyEvents, (events) => {
      for (const { payload } of events) {
        const { payloadType = null, text = null, bytes = null } = toStoredPayload(payload);
        expect(ofStoredPayload(payloadType, text, bytes)).to.deep.equal(payload);
      }
    });
    fc.assert(law, runs);
  });

  it('for persistent events', () => {
    const plain = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value));
    const law = fc.property(
      strictText,
      strictText,
      fc.oneof(plain, bytes),
      (manifest, id, payload) => {
        const envelope = { manifest, writerUuid: id, payload };
        expect(decodePersistentRepr(asRead(encodePersistentRepr(envelope)))).to.deep.equal(
          envelope,
        );
      },
    );
    fc.assert(law, runs);
  });
});

describe(`property: JSON texts (seed ${seed})`, () => {
  it('our reader and JSON.parse agree on every text without wide numbers', () => {
    const law = fc.property(fc.jsonValue(), fc.constantFrom(0, 2), (value, indent) => {
      const text = JSON.stringify(value, undefined, indent);
      expect(readJsonText(text)).to.deep.equal(withoutMinusZero(JSON.parse(text)));
      expect(parseJson(text)).to.deep.equal(JSON.parse(text));
    });
    fc.assert(law, runs);
  });

  it('a number prints as the decimal value that was read, to 34 digits', () => {
    const digits = fc.stringMatching(/^[1-9]\d{0,32}$/);
    const exponent = fc.integer({ min: -400, max: 400 });
    const law = fc.property(digits, exponent, fc.boolean(), (mantissa, power, negative) => {
      const token = `${negative ? '-' : ''}${mantissa}e${power}`;
      const printed = printNumber(readNumber(token));
      expect(exactOf(printed)).to.equal(exactOf(token));
      expect(printNumber(readNumber(printed))).to.equal(printed);
      expect(Number(printed)).to.equal(Number(token));
    });
    fc.assert(law, { seed, numRuns: 2000 });
  });
});

/** The number times 10^1000, exactly. */
function exactOf(token: string): bigint {
  const [mantissa = '', exponent = '0'] = token.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  return BigInt(whole + fraction) * 10n ** BigInt(1000 + Number(exponent) - fraction.length);
}

function withoutMinusZero(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

/** Bytes come back as a Buffer, which prints otherwise than a Uint8Array. */
function withBuffers(events: readonly { readonly payload: unknown }[]): unknown {
  return events.map((event) => {
    const payload = event.payload as { readonly value?: unknown } | undefined;
    if (!(payload?.value instanceof Uint8Array)) return event;
    return { ...event, payload: { ...payload, value: Buffer.from(payload.value) } };
  });
}

function logRecordOf(action: Action): LogRecord {
  const { key, value, timestampMs, headers } = encodeAction(action);
  return {
    offset: Offset.of(2),
    key,
    value: value ?? undefined,
    timestampMs,
    headers: Object.entries(headers),
  };
}
