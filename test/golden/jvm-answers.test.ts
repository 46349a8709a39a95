import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { printDuration, readDuration } from '../../src/codec/duration-codec.ts';
import { parseJson, printJson } from '../../src/codec/json/json.ts';
import { decodeBinaryEvents } from '../../src/codec/record/events-binary-codec.ts';
import { inScalaSetOrder } from '../../src/codec/record/tags.ts';
import { decodeUtf8Lenient } from '../../src/codec/utf8.ts';
import { CodecError } from '../../src/model/errors.ts';
import type { Event } from '../../src/model/event.ts';
import { decodePersistentBinary } from '../../src/plugin/persistent-binary.ts';

/*
 * What the libraries of the JVM system answer (play-json 3.0.6, scodec-core 1.11.10, Scala 2.13.16,
 * Java 17), asked once and kept in jvm-answers.jsonl; `null` is a refusal.
 */
interface Answer {
  readonly kind: string;
  readonly input: string;
  readonly answer: string | null;
}

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
/** UTF-16 units in hexadecimal. */
const units = (text: string): string =>
  text
    .split('')
    .map((unit) => unit.charCodeAt(0).toString(16).padStart(4, '0'))
    .join('');
const hexOf = (text: string): string => Buffer.from(text).toString('hex');

const readers: Readonly<Record<string, readonly [string, (input: string) => string]>> = {
  num: ['numbers (docs/format.md#numbers)', (token) => printJson(parseJson(token))],
  dur: [
    'durations in text (docs/format.md#duration)',
    (hex) => printDuration(readDuration(bytes(hex).toString())),
  ],
  durn: [
    'durations in JSON (docs/format.md#duration)',
    (json) => printDuration(readDuration(parseJson(json))),
  ],
  utf8: ['record keys (docs/format.md#key)', (hex) => units(decodeUtf8Lenient(bytes(hex)))],
  set: [
    'the order of tags (docs/format.md#tags)',
    (list) =>
      inScalaSetOrder(list.split(',').map((hex) => bytes(hex).toString()))
        .map(hexOf)
        .join(','),
  ],
  events: [
    'binary values (docs/format.md#binary-value)',
    (hex) => {
      const { events, metadata } = decodeBinaryEvents(bytes(hex));
      const expiry = metadata.expireAfter ? printDuration(metadata.expireAfter) : '-';
      const data = metadata.data === undefined ? '-' : printJson(metadata.data);
      return `${events.map(describeEvent).join(';')}#${expiry}|${data}`;
    },
  ],
  pb: [
    'persistent events (docs/format.md#persistent-binary)',
    (hex) => {
      const envelope = decodePersistentBinary(bytes(hex));
      const { manifest, writerUuid, serializer, serializerManifest, object } = envelope;
      const parts = [units(manifest) || '-', units(writerUuid), serializer];
      return [...parts, units(serializerManifest), Buffer.from(object).toString('hex')].join(':');
    },
  ],
};

function describeEvent({ seqNr, tags, payload }: Event): string {
  const tagList = `${tags.map(units).join(',')}/${tags.length}`;
  switch (payload?.type) {
    case undefined:
      return `${seqNr}:${tagList}:-`;
    case 'binary':
      return `${seqNr}:${tagList}:1=${Buffer.from(payload.value).toString('hex')}`;
    case 'json':
      return `${seqNr}:${tagList}:2=${hexOf(printJson(payload.value))}`;
    case 'text':
      return `${seqNr}:${tagList}:3=${hexOf(payload.value)}`;
  }
}

const lines = readFileSync(new URL('jvm-answers.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const answers = lines.map((line) => JSON.parse(line) as Answer);

describe('golden: answers of the JVM libraries', () => {
  for (const [kind, [title, read]] of Object.entries(readers)) {
    const asked = answers.filter((answer) => answer.kind === kind);
    it(`are ours for ${asked.length} ${title}`, () => {
      expect(asked.length).to.be.greaterThan(9);
      for (const { input, answer } of asked) {
        if (answer === null) expect(() => read(input), input).to.throw(CodecError);
        // An empty manifest is none in memory, whichever way it was written.
        else expect(read(input), input).to.equal(answer.replace(/^:/, '-:'));
      }
    });
  }
});
