import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  decodeActionHeader,
  encodeActionHeader,
} from '../../src/codec/record/action-header-codec.ts';
import {
  decodeBinaryEvents,
  encodeBinaryEvents,
} from '../../src/codec/record/events-binary-codec.ts';
import { decodeEvents, encodeEvents } from '../../src/codec/record/events-codec.ts';
import type { ActionHeader, PayloadType } from '../../src/model/action.ts';
import type { Event } from '../../src/model/event.ts';
import type { Payload } from '../../src/model/payload.ts';
import type { PayloadMetadata } from '../../src/model/record-metadata.ts';
import { SeqNr } from '../../src/model/seq-nr.ts';
import { decodePersistentRepr, encodePersistentRepr } from '../../src/plugin/persistent-repr.ts';
import { asRead } from '../support/codec/as-read.ts';

// Files of the JVM system's own tests; expected values are those of its README table.
const folder = new URL('vectors/', import.meta.url);
const bytesOf = (file: string): Buffer => readFileSync(new URL(file, folder));
const jsonOf = (file: string): unknown => JSON.parse(bytesOf(file).toString());

const tested = new Set<string>();
function vector(file: string, title: string, run: () => void): void {
  tested.add(file);
  it(`${file}: ${title}`, run);
}

describe('golden: record headers (docs/format.md#header)', () => {
  for (const origin of [undefined, 'origin']) {
    for (const payloadType of ['json', 'binary'] as const) appendVectors(origin, payloadType);
    const name = origin === undefined ? 'None' : 'origin';
    const version = undefined;
    const to = SeqNr.of(3);
    headerVector(`Delete-${name}.json`, { type: 'delete', to, origin, version: '0.0.1' });
    headerVector(`Mark-${name}.json`, { type: 'mark', id: 'id', origin, version });
    headerVector(`Purge-${name}.json`, { type: 'purge', origin, version });
  }
});

function appendVectors(origin: string | undefined, payloadType: PayloadType): void {
  const range = { from: SeqNr.of(1), to: SeqNr.of(5) };
  const header = { type: 'append', range, origin, version: undefined, payloadType } as const;
  const kind = payloadType === 'json' ? 'Json' : 'Binary';
  const prefix = `Append-${origin ?? 'None'}-${kind}`;
  headerVector(`${prefix}-none.json`, { ...header, metadata: {} });
  headerVector(`${prefix}-metadata.json`, { ...header, metadata: { data: { key: 'value' } } });
  vector(`${prefix}-legacy.json`, 'is read with empty metadata', () => {
    const text = bytesOf(`${prefix}-legacy.json`).toString();
    expect(decodeActionHeader(text)).to.deep.equal({ ...header, metadata: {} });
  });
}

function headerVector(file: string, header: ActionHeader): void {
  vector(file, 'is read and written', () => {
    expect(decodeActionHeader(bytesOf(file).toString())).to.deep.equal(header);
    expect(JSON.parse(encodeActionHeader(header))).to.deep.equal(jsonOf(file));
    expect(decodeActionHeader(JSON.stringify(jsonOf(file)))).to.deep.equal(header);
  });
}

const textPayload: Payload = { type: 'text', value: ' {"key":"value"} ' };
const jsonPayload: Payload = { type: 'json', value: 'payload' };

function eventWith(payload: Payload | undefined): readonly [Event] {
  return [{ seqNr: SeqNr.of(1), tags: ['0', '1'], payload }];
}

describe('golden: JSON values (docs/format.md#json-value)', () => {
  const payloads = { empty: undefined, text: textPayload, json: jsonPayload };
  for (const [kind, payload] of Object.entries(payloads)) {
    const decoded = { events: eventWith(payload), metadata: {} };
    vector(`Payload-${kind}.json`, 'is read and written', () => {
      const file = `Payload-${kind}.json`;
      expect(decodeEvents('json', bytesOf(file))).to.deep.equal(decoded);
      const { payloadType, value } = encodeEvents(eventWith(payload), {});
      expect(payloadType).to.equal('json');
      expect(JSON.parse(value.toString())).to.deep.equal(jsonOf(file));
      expect(value.toString()).to.equal(JSON.stringify(jsonOf(file)));
    });
    vector(`Payload-v0-${kind}.json`, 'is read with empty metadata', () => {
      expect(decodeEvents('json', bytesOf(`Payload-v0-${kind}.json`))).to.deep.equal(decoded);
    });
  }
});

describe('golden: binary values (docs/format.md#binary-value)', () => {
  const text: Payload = { type: 'text', value: 'text' };
  const json: Payload = { type: 'json', value: 'json' };
  const payloads = { empty: undefined, text, json };
  const withMetadata: PayloadMetadata = {
    expireAfter: { length: 1n, unit: 'day' },
    data: { key: 'value' },
  };
  for (const [kind, payload] of Object.entries(payloads)) {
    const metadata = kind === 'json' ? withMetadata : {};
    vector(`v1-events-${kind}.bin`, 'is read, and written byte for byte', () => {
      const bytes = bytesOf(`v1-events-${kind}.bin`);
      expect(decodeBinaryEvents(bytes)).to.deep.equal({ events: eventWith(payload), metadata });
      expect(encodeBinaryEvents(eventWith(payload), metadata).equals(bytes)).to.equal(true);
    });
    vector(`v0-events-${kind}.bin`, 'is read with empty metadata', () => {
      const decoded = decodeEvents('binary', bytesOf(`v0-events-${kind}.bin`));
      expect(decoded).to.deep.equal({ events: eventWith(payload), metadata: {} });
    });
  }
});

describe('golden: persistent events (docs/format.md#persistent-json)', () => {
  const common = { manifest: 'manifest', writerUuid: 'writerUuid' };
  vector('PersistentRepr.text.json', 'is a string event, read and written', () => {
    const stored: Payload = { type: 'json', value: jsonOf('PersistentRepr.text.json') as string };
    const envelope = { ...common, payload: 'text' };
    expect(decodePersistentRepr(stored)).to.deep.equal(envelope);
    expect(asRead(encodePersistentRepr(envelope))).to.deep.equal(stored);
  });

  // The JVM tells a JSON string from a string. To an actor here both are one, and it writes the
  // text form; copying the record keeps the form that was read.
  vector('PersistentRepr.json', 'is a JSON string, read, and copied as it is', () => {
    const value = jsonOf('PersistentRepr.json') as string;
    const envelope = decodePersistentRepr({ type: 'json', value });
    expect(envelope).to.deep.equal({ ...common, payload: 'json' });
    const { events } = decodeEvents(
      'json',
      encodeEvents(eventWith({ type: 'json', value }), {}).value,
    );
    expect(events[0].payload).to.deep.equal({ type: 'json', value });
  });
});

describe('golden: the set of files', () => {
  it('is tested to the last of its 32 files', () => {
    const files = readdirSync(folder).filter((file) => file !== 'README.md');
    expect(files).to.have.length(32);
    expect([...tested].sort()).to.deep.equal(files.sort());
  });
});
