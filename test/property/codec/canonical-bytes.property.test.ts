import { expect } from 'chai';
import fc from 'fast-check';
import { printDuration, readDuration } from '../../../src/codec/duration-codec.ts';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../../src/codec/record/action-header-codec.ts';
import { decodeAction, encodeAction } from '../../../src/codec/record/action-record-codec.ts';
import { encodeBinaryEvents } from '../../../src/codec/record/events-binary-codec.ts';
import { decodeEvents, encodeEvents } from '../../../src/codec/record/events-codec.ts';
import {
  parseRecordMetadata,
  printRecordMetadata,
} from '../../../src/codec/record/record-metadata-codec.ts';
import { ofStoredPayload, toStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import type { Action } from '../../../src/model/action.ts';
import { Key } from '../../../src/model/key.ts';
import { Offset, Partition } from '../../../src/model/position.ts';
import {
  decodePersistentBinary,
  encodePersistentBinary,
} from '../../../src/plugin/persistent-binary.ts';
import {
  decodeBatch,
  encodeBatch,
  recordBytes,
} from '../../../src/stores/sqlite/log/batch-codec.ts';
import {
  actionHeader,
  anyEvents,
  expireAfter,
  headerMetadata,
  jsonEvents,
  jsonValue,
  payloadMetadata,
  strictText,
} from './arbitraries.ts';
import { seed } from './seed.ts';

const runs = { seed, numRuns: 300 };
const bytes = fc.uint8Array({ maxLength: 20 }).map((value) => Buffer.from(value));

describe(`property: encode after decode is the identity on what we write (seed ${seed})`, function () {
  this.timeout(30_000);

  /** Writing what was read of `written` gives `written` again. */
  function law<T>(title: string, values: fc.Arbitrary<T>, rewrite: (value: T) => [Buffer, Buffer]) {
    it(title, () => {
      const property = fc.property(values, (value) => {
        const [written, again] = rewrite(value);
        expect(again.toString('hex')).to.equal(written.toString('hex'));
      });
      fc.assert(property, runs);
    });
  }
  const texts = (written: string, again: string): [Buffer, Buffer] => [
    Buffer.from(written),
    Buffer.from(again),
  ];

  law('for JSON', jsonValue, (value) => {
    const written = printJson(value);
    return texts(written, printJson(parseJson(written)));
  });
  law('for record headers', actionHeader, (header) => {
    const written = encodeActionHeader(header);
    const read = decodeActionHeader(written) ?? header;
    return texts(written, encodeActionHeader(read));
  });
  law('for events in JSON', fc.tuple(jsonEvents, payloadMetadata), (batch) => {
    const { payloadType, value } = encodeEvents(...batch);
    const { events, metadata } = decodeEvents(payloadType, value);
    const again = encodeEvents(events, metadata);
    expect([payloadType, again.payloadType]).to.deep.equal(['json', 'json']);
    return [value, again.value];
  });
  law('for events in binary', fc.tuple(anyEvents, payloadMetadata), (batch) => {
    const written = encodeBinaryEvents(...batch);
    const { events, metadata } = decodeEvents('binary', written);
    return [written, encodeBinaryEvents(events, metadata)];
  });
  law('for durations', expireAfter, (value) => {
    const written = printDuration(value);
    return texts(written, printDuration(readDuration(written)));
  });
  const metadata = fc.record({ header: headerMetadata, payload: payloadMetadata });
  law('for record metadata', metadata, (value) => {
    const written = printRecordMetadata(value);
    return texts(written, printRecordMetadata(parseRecordMetadata(written)));
  });
  law('for payloads of the store', anyEvents, ([{ payload }]) => {
    const written = toStoredPayload(payload);
    const { payloadType = null, text = null, bytes: content = null } = written;
    const again = toStoredPayload(ofStoredPayload(payloadType, text, content));
    return texts(JSON.stringify(written), JSON.stringify(again));
  });
  const envelope = fc.record({
    manifest: strictText,
    writerUuid: strictText,
    serializer: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    serializerManifest: strictText,
    object: bytes,
  });
  law('for the bit stream of persistent events', envelope, (value) => {
    const written = encodePersistentBinary(value);
    return [written, encodePersistentBinary(decodePersistentBinary(written))];
  });
  law('for whole records, conditional purges too', fc.tuple(action(), bytes), ([value]) => {
    const at = { partition: Partition.of(1), offset: Offset.of(2) };
    const written = encodeAction(value);
    const { key, value: content, timestampMs } = written;
    const headers = Object.entries(written.headers);
    const log = { offset: at.offset, key, value: content ?? undefined, timestampMs, headers };
    const decoded = decodeAction(value.key.topic, at.partition, log);
    expect(decoded).to.deep.equal({ action: value, at });
    const again = encodeAction(decoded?.action ?? value);
    return texts(JSON.stringify(written), JSON.stringify(again));
  });
  const record = fc.record({
    key: fc.option(bytes, { nil: undefined }),
    value: fc.option(bytes, { nil: undefined }),
    timestampMs: fc.option(fc.nat(), { nil: undefined }),
    headers: fc.array(fc.tuple(strictText, bytes), { maxLength: 3 }),
  });
  law(
    'for batches of the embedded log',
    fc.array(record, { minLength: 1, maxLength: 4 }),
    (some) => {
      const size = some.reduce((sum, one) => sum + recordBytes(one), 0);
      const { keys, body } = encodeBatch(some, size);
      const row = { first_offset: 0, last_offset: some.length - 1, keys, body };
      const read = decodeBatch(row, 0, undefined);
      return [Buffer.from(body), Buffer.from(encodeBatch(read, size).body)];
    },
  );
});

function action(): fc.Arbitrary<Action> {
  const onlyAt = fc.option(
    fc.nat().map((value) => Offset.of(value)),
    { nil: undefined },
  );
  const headers = fc.dictionary(strictText, strictText, { maxKeys: 3, noNullPrototype: true });
  const parts = fc.record({ header: actionHeader, id: strictText, value: bytes, headers, onlyAt });
  return parts.map(({ header, id, value, headers: users, onlyAt: at }): Action => {
    const common = { key: Key.of('journal', id), timestampMs: 5 };
    if (header.type === 'append') return { ...common, header, value, headers: users };
    if (header.type !== 'purge' || at === undefined) return { ...common, header };
    return { ...common, header: { ...header, onlyAt: at } };
  });
}
